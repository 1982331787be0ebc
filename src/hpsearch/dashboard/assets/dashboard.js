"use strict";
// What the pages do in the browser; everything else is decided by the server.
const keep = (plot, next) => {
  for (const [name, axis] of Object.entries(plot.layout)) {
    if (/^[xy]axis\d*$/.test(name) && axis.autorange === false && axis.range && !(next.layout[name] || {}).range) {
      next.layout[name] = { ...next.layout[name], range: axis.range, autorange: false };
    }
  }
  const hidden = new Set(plot.data.filter((trace) => trace.visible === "legendonly").map((trace) => trace.name));
  next.data.filter((trace) => hidden.has(trace.name)).forEach((trace) => (trace.visible = "legendonly"));
  for (const [kind, choices] of [["updatemenus", "buttons"], ["sliders", "steps"]]) {
    (next.layout[kind] || []).forEach((control, place) => {
      const active = ((plot._fullLayout[kind] || [])[place] || {}).active ?? control.active;
      const chosen = control[choices][active];
      if (!chosen || active === control.active) return;
      control.active = active;
      choose(next, ...chosen.args);
    });
  }
};

// What a menu or a slider of a figure does, done to a figure that is not drawn yet.
const choose = (figure, traces, layout = {}) => {
  for (const [name, values] of Object.entries(traces)) {
    figure.data.forEach((trace, place) => (trace[name] = Array.isArray(values) ? values[place % values.length] : values));
  }
  for (const [path, value] of Object.entries(layout)) {
    const names = path.split(".");
    const last = names.pop();
    names.reduce((place, name) => (place[name] ??= {}), figure.layout)[last] = value;
  }
};

// The parallel coordinates as they were drawn last, and the revision that only this drawing has.
let lastBrushed = { drawn: null, revision: null, count: 0 };

const axes = (figure) => figure.data.flatMap((trace) => trace.dimensions || []);

// Whether they would look as they do: a person's own brush comes back with the address.
const looksTheSame = (plot, next) => {
  const unbrushed = (figure) =>
    JSON.stringify(figure, (name, value) => (name === "constraintrange" ? undefined : value));
  if (plot.layout.uirevision !== lastBrushed.revision || unbrushed(lastBrushed.drawn) !== unbrushed(next)) return false;
  const shown = new Map(axes(plot).map((axis) => [axis.name, (axis.constraintrange || []).flat()]));
  return axes(next).every(({ name, range, constraintrange }) => {
    const [mine, theirs] = [shown.get(name) || [], (constraintrange || []).flat()];
    const near = 1e-4 * (range[1] - range[0]);
    return mine.length === theirs.length && mine.every((end, place) => Math.abs(end - theirs[place]) <= near);
  });
};

// By part of the page, what was shown there anew last, as text.
const renewed = new WeakMap();

// How often the table has asked the server: an answer may have changed where the question is the same.
let asked = 0;

// All that Dash's scripts use of the polyfill that they come with: their `async` functions, compiled to steps.
window.regeneratorRuntime = {
  mark: (steps) => steps,
  wrap: (step) => {
    let done = false;
    const context = { prev: 0, next: 0, stop: () => void (done = true) };
    return {
      next: (value) => {
        context.sent = value;
        return { value: step(context), done };
      },
      throw: (error) => {
        throw error;
      },
    };
  },
};

window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.hpsearch = {
  // A brush of the parallel coordinates: the ranges of all its axes, by name, for axes can be moved.
  brushed: function () {
    const { triggered } = dash_clientside.callback_context;
    const box = document.querySelector("#figure-parallel_coordinates .js-plotly-plot");
    if (!box || !triggered.some((one) => one.prop_id.includes('"parallel_coordinates"') && one.value)) {
      return dash_clientside.no_update;
    }
    return Object.fromEntries(
      axes(box).flatMap(({ name, constraintrange }) => (constraintrange ? [[name, constraintrange]] : [])),
    );
  },

  // A figure drawn anew, as large as it wants to be, with what a person has done to the one before it: Dash tells Plotly
  // of each zoom as if the program had asked for it, so that Plotly's own `uirevision` keeps nothing.
  draw: function (drawing, id) {
    if (!drawing) return [dash_clientside.no_update, dash_clientside.no_update];
    const { figure: drawn, style } = drawing;
    const next = structuredClone(drawn);
    const plot = document.querySelector(`#figure-${id.name} .js-plotly-plot`);
    if (id.name === "parallel_coordinates") {
      if (plot && plot.layout && looksTheSame(plot, drawn)) {
        return [dash_clientside.no_update, dash_clientside.no_update];
      }
      dash_clientside.set_props({ type: "figure", name: id.name }, { restyleData: null }); // the next may equal it
      const count = lastBrushed.count + 1;
      lastBrushed = { drawn, revision: `drawn ${count}`, count };
      next.layout.uirevision = lastBrushed.revision; // Plotly would keep brushes that a person has drawn, and taken away
    }
    if (plot && plot.layout && plot.layout.uirevision === next.layout.uirevision) keep(plot, next);
    const box = document.querySelector(`#figure-${id.name} .graph`);
    if (box) Object.assign(box.style, style); // now: Plotly would lay the figure out for the box as it was
    return [next, style];
  },

  // To another address of the page. Dash tells of no click and no brush that equals the one before: so that there is none.
  go: function (search, figures) {
    dash_clientside.set_props("url", { search });
    figures.forEach((id) => dash_clientside.set_props(id, { clickData: null }));
    if (!/[?&]trial=/.test(search)) dash_clientside.set_props("trials", { selectedRows: [] });
  },

  // A tab whose figures were drawn for other rows, or another choice of them, than the page has by now.
  drawAgain: function (drawnFor, stamp, chosen) {
    return JSON.stringify(drawnFor) === JSON.stringify([stamp, chosen]) ? dash_clientside.no_update : Date.now();
  },

  // The address as it is, where the layout was made for another.
  whereAmI: function (href, pathname, search) {
    const same = location.pathname === pathname && location.search === search;
    return same ? [dash_clientside.no_update, dash_clientside.no_update] : [location.pathname, location.search];
  },

  // What is shown anew, with what a person has done to the figures that it had before; nothing where it is the same.
  renew: function (made) {
    const part = document.getElementById(dash_clientside.callback_context.outputs_list.id);
    const text = JSON.stringify(made);
    if (!made || !part || renewed.get(part) === text) return dash_clientside.no_update;
    renewed.set(part, text);
    const next = structuredClone(made);
    const visit = (part) => {
      if (Array.isArray(part)) part.forEach(visit);
      if (!part?.props) return;
      const { id, figure } = part.props;
      const plot = figure && id && document.getElementById(id)?.querySelector(".js-plotly-plot");
      if (plot?.layout && plot.layout.uirevision === figure.layout.uirevision) keep(plot, figure);
      visit(part.props.children);
    };
    visit(next);
    return next;
  },

  // Rows that the table asks for: the first ones came with the page, all others the server has.
  rows: function (request, first) {
    const same = dash_clientside.no_update;
    if (!request) return [same, same, same];
    const { startRow, endRow, sortModel } = request;
    if (first && startRow === 0 && !sortModel?.length) return [first, same, null];
    return [same, { startRow, endRow, sortModel, asked: (asked += 1) }, null];
  },

  // The studies that the address of a comparison names, where they are others than are chosen.
  comparedBy: function (search, pathname, chosen, names) {
    const wanted = new URLSearchParams(search).getAll("study").filter((name) => names.includes(name));
    const same = !/^\/compare\/?$/.test(pathname) || JSON.stringify(wanted) === JSON.stringify(chosen || []);
    return same ? dash_clientside.no_update : wanted;
  },

  // No row stays marked when another trial is opened, or none, by the address.
  unmark: function (search, selected) {
    const open = new URLSearchParams(search).get("trial");
    const marked = selected?.length ? String(selected[0].number) : open;
    return marked === open ? dash_clientside.no_update : [];
  },

  // The columns that are ticked.
  showColumns: function ([shown], definitions) {
    const wanted = (definitions || []).map((one) => ({ ...one, hide: !(shown || []).includes(one.field) }));
    const changes = shown && wanted.some((one, place) => one.hide !== definitions[place].hide);
    return changes ? wanted : dash_clientside.no_update;
  },

  // New rows, or another choice of them: the table asks again, and stays where it is if it can.
  refreshTrials: async function () {
    dash_clientside.set_props("first-rows", { data: null }); // they may be others by now
    const chosenAnew = dash_clientside.callback_context.triggered.some((one) => one.prop_id === "chosen.data");
    const grid = await dash_ag_grid.getApiAsync("trials");
    if (chosenAnew) grid.purgeInfiniteCache();
    else grid.refreshInfiniteCache();
    return dash_clientside.no_update;
  },
};

(function () {
  const KEY = "hpsearch-theme";
  const wanted = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // a browser that keeps nothing
    }
  };
  const apply = () => {
    const dark = wanted() ? wanted() === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.dataset.agThemeMode = dark ? "dark" : "light";
  };
  apply();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, next);
    } catch {
      document.documentElement.dataset.theme = next;
    }
    apply();
  });
  // Enter on a row of the table is a click on it: the panel that it opens has the focus, and the row again when it closes.
  let opener = null;
  const toPanel = (tries) => {
    const close = document.querySelector("#trial-panel.open .close");
    if (close) close.focus();
    else if (tries) setTimeout(toPanel, 100, tries - 1);
  };
  document.addEventListener(
    "keydown",
    (event) => {
      const cell = event.key === "Enter" && event.target.closest("#trials .ag-row .ag-cell");
      if (!cell) return;
      event.preventDefault();
      opener = cell;
      cell.click();
      toPanel(30);
    },
    true,
  );
  const closeMenus = (but) => document.querySelectorAll("details.columns[open]").forEach((one) => one === but || (one.open = false));
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.columns")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.columns[open]");
    if (menu) {
      closeMenus();
      menu.querySelector("summary").focus();
    } else {
      document.querySelector("#trial-panel .close")?.click();
      if (opener?.isConnected) opener.focus();
      opener = null;
    }
  });
})();

// Parts of a page are made anew when there is news. What a person has done to them stays: how far their tables are
// scrolled, where the keyboard is, which text is marked.
(function () {
  const PARTS = "#study-list, #study-head, #trial-panel, #comparison";
  const memory = new Map(); // by id of the part
  const partOf = (node) => (node?.nodeType === Node.ELEMENT_NODE ? node : node?.parentElement)?.closest(PARTS);
  const of = (part) => memory.get(part.id) || memory.set(part.id, { scrolled: [] }).get(part.id);
  const boxes = (part) => [...part.querySelectorAll(".scrolled, .plot-box")];
  const controls = (part) => [...part.querySelectorAll("a[href], button, input, summary, [tabindex]")];
  const nameOf = (control) =>
    [control.id, control.getAttribute("href"), control.closest("[id]")?.id, control.innerText].join("|");

  // Letters of a part in front of a place in it, and the place behind so many.
  const lettersTo = (part, node, offset) => {
    const before = document.createRange();
    before.setStart(part, 0);
    before.setEnd(node, offset);
    return before.toString().length;
  };
  const placeAt = (part, letters) => {
    const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      if (letters <= node.length) return [node, letters];
      letters -= node.length;
    }
    return null;
  };

  document.addEventListener(
    "scroll",
    ({ target }) => {
      const part = partOf(target);
      if (part) of(part).scrolled[boxes(part).indexOf(target)] = target.scrollLeft;
    },
    true,
  );
  document.addEventListener("focusin", ({ target }) => {
    memory.forEach((one) => (one.focus = null));
    const part = partOf(target);
    if (part) of(part).focus = nameOf(target);
  });
  document.addEventListener("focusout", ({ target }) => {
    const part = partOf(target);
    setTimeout(() => target.isConnected && part && document.activeElement === document.body && (of(part).focus = null));
  });
  document.addEventListener("selectionchange", () => {
    memory.forEach((one) => (one.marked = null));
    const marked = getSelection();
    const part = partOf(marked.anchorNode);
    if (marked.isCollapsed || !part || part !== partOf(marked.focusNode)) return;
    of(part).marked = [[marked.anchorNode, marked.anchorOffset], [marked.focusNode, marked.focusOffset]].map((place) =>
      lettersTo(part, ...place),
    );
  });

  const restore = (part) => {
    const { scrolled, focus, marked } = of(part);
    boxes(part).forEach((box, place) => {
      if (scrolled[place] && box.scrollLeft !== scrolled[place]) box.scrollLeft = scrolled[place];
    });
    if (focus && document.activeElement === document.body) {
      controls(part).find((control) => nameOf(control) === focus)?.focus({ preventScroll: true });
    }
    const places = marked?.map((letters) => placeAt(part, letters));
    if (places?.every(Boolean) && getSelection().isCollapsed) getSelection().setBaseAndExtent(...places[0], ...places[1]);
  };
  new MutationObserver((changes) => {
    new Set(changes.map(({ target }) => partOf(target))).forEach((part) => part && memory.has(part.id) && restore(part));
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
