"use strict";
(() => {
  const PRINTED_WIDTH = 680; // pixels of an A4 page between its margins
  const NEAR = "500px 0px"; // figures so far outside the window are drawn before they come into it
  const ON_THE_GRAPHICS_CARD = /gl$|^parcoords$|^splom$|3d$/;
  const MOST_ON_CARD = 5; // figures out of sight, or on paper, at once: browsers keep 16 such contexts alive, and each takes two or three

  // Figures ---------------------------------------------------------------------------------------------------------

  const plots = [...document.querySelectorAll(".plot")];
  const kept = new Map(); // what a plot showed when it was taken away: its zoom, its hidden series

  const given = (plot) => {
    const text = document.getElementById(`data-${plot.dataset.figure}`).textContent;
    const { figure, config } = JSON.parse(text);
    return { data: figure.data, layout: figure.layout, config };
  };
  const isDrawn = (plot) => plot.classList.contains("js-plotly-plot");
  const isOnCard = (trace) => ON_THE_GRAPHICS_CARD.test(trace.type ?? "");
  const needsCard = (plot) => plot.data.some(isOnCard); // taken away out of sight: browsers keep few contexts alive

  function draw(plot) {
    if (isDrawn(plot)) return;
    const { data, layout, config } = { ...given(plot), ...kept.get(plot) };
    Plotly.newPlot(plot, data, layout, config);
  }

  function erase(plot) {
    Plotly.purge(plot);
    plot.classList.remove("js-plotly-plot");
    plot.replaceChildren();
  }

  function takeAway(plot) {
    if (!isDrawn(plot)) return;
    kept.set(plot, { data: plot.data, layout: plot.layout });
    erase(plot);
  }

  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) draw(target);
        else if (isDrawn(target) && needsCard(target)) takeAway(target);
      }
    },
    { rootMargin: NEAR },
  );
  plots.forEach((plot) => near.observe(plot));

  // All others when there is nothing else to do: for those who jump there, search, or take a picture of the whole page.
  const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  let waiting = [];
  function drawNext() {
    const plot = waiting.shift();
    if (!plot) return;
    const onCard = plots.filter((one) => isDrawn(one) && needsCard(one)).length;
    if (onCard < MOST_ON_CARD || !given(plot).data.some(isOnCard)) draw(plot);
    whenIdle(drawNext);
  }
  function drawTheRest() {
    if (!waiting.length) whenIdle(drawNext);
    waiting = [...plots];
  }
  drawTheRest();

  // Paper: everything is drawn, in the width of a page --------------------------------------------------------------

  const asShapes = (trace) => (trace.type === "scattergl" ? { ...trace, type: "scatter" } : trace);

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((one) => (one.open = true));
    let onCard = 0;
    for (const plot of plots) {
      takeAway(plot);
      const { data, layout, config } = { ...given(plot), ...kept.get(plot) };
      const page = { ...layout, width: PRINTED_WIDTH, autosize: false };
      onCard += data.some(isOnCard);
      const printed = onCard > MOST_ON_CARD ? data.map(asShapes) : data; // many points are slow to print as shapes
      Plotly.newPlot(plot, printed, page, { ...config, responsive: false, displayModeBar: false });
    }
  });
  addEventListener("afterprint", () => {
    closed.forEach((one) => (one.open = false));
    for (const plot of plots) {
      erase(plot);
      near.unobserve(plot); // and looked at anew: those within reach are drawn
      near.observe(plot);
    }
    drawTheRest();
  });

  // Light and dark: as the system has it, until somebody says otherwise ---------------------------------------------

  const theme = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const label = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `${theme.textContent} colours`);
  };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  theme.hidden = false;
  label();

  // Tables that are sorted by a click on a column ------------------------------------------------------------------

  const valueOf = (row, place) => {
    const cell = row.cells[place];
    const text = (cell.dataset.value ?? cell.textContent).trim();
    const number = Number(text.replaceAll(",", ""));
    return { text, number: text === "" ? NaN : number };
  };
  const order = (one, other, sign) => {
    if (one.text === "" || other.text === "") return (one.text === "") - (other.text === ""); // nothing comes last
    if (!isNaN(one.number) && !isNaN(other.number)) return sign * (one.number - other.number);
    if (isNaN(one.number) !== isNaN(other.number)) return isNaN(one.number) - isNaN(other.number);
    return sign * one.text.localeCompare(other.text);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) =>
      head.addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, place), row]);
        rows.sort(([one], [other]) => order(one, other, sign));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      }),
    );
  }

  // Code to take along ---------------------------------------------------------------------------------------------

  for (const button of document.querySelectorAll(".copy")) {
    const text = document.getElementById(button.dataset.copies);
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }

  // Where the reader is ---------------------------------------------------------------------------------------------

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const places = [...links.keys()].map((name) => document.getElementById(name));
  const follow = new IntersectionObserver(() => {
    const passed = places.filter((place) => place.getBoundingClientRect().top < innerHeight * 0.4);
    const current = links.get((passed.at(-1) ?? places[0]).id);
    for (const link of links.values()) {
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const list = document.querySelector("nav ul");
    if (list.scrollWidth > list.clientWidth) list.scrollTo({ left: current.offsetLeft - 16 });
  }, { rootMargin: "-40% 0px -59% 0px" });
  places.forEach((place) => follow.observe(place));
})();
