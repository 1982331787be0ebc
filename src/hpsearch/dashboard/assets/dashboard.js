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

// Whether a figure that is drawn anew would look as it does: a person's own brush comes back with the address.
const looksTheSame = (plot, last, next) => {
  const ofBrushes = ["constraintrange", "uirevision"];
  const unbrushed = (figure) => JSON.stringify(figure, (name, value) => (ofBrushes.includes(name) ? undefined : value));
  const brushes = (figure) =>
    figure.data.flatMap((trace) => (trace.dimensions || []).map((dimension) => (dimension.constraintrange || []).flat()));
  if (!last || unbrushed(last) !== unbrushed(next)) return false;
  const [mine, theirs] = [brushes(plot), brushes(next)];
  const spans = next.data.flatMap((trace) => (trace.dimensions || []).map(({ range }) => range[1] - range[0]));
  return mine.length === theirs.length && mine.every(
    (ends, axis) =>
      ends.length === theirs[axis].length &&
      ends.every((end, place) => Math.abs(end - theirs[axis][place]) <= 1e-4 * spans[axis]),
  );
};
const drawnBefore = {};

window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.hpsearch = {
  // A brush of the parallel coordinates: the ranges of all its axes, by place.
  brushed: function () {
    const { triggered } = dash_clientside.callback_context;
    const box = document.querySelector("#figure-parallel_coordinates .js-plotly-plot");
    if (!box || !triggered.some((one) => one.prop_id.includes('"parallel_coordinates"') && one.value)) {
      return dash_clientside.no_update;
    }
    const dimensions = (box.data.find((trace) => trace.type === "parcoords") || {}).dimensions || [];
    const ranges = {};
    dimensions.forEach((dimension, place) => {
      if (dimension.constraintrange) ranges[place] = dimension.constraintrange;
    });
    return ranges;
  },

  // A figure drawn anew, as large as it wants to be, with what a person has done to the one before it: Dash tells Plotly
  // of each zoom as if the program had asked for it, so that Plotly's own `uirevision` keeps nothing.
  draw: function (drawn, id) {
    if (!drawn) return [dash_clientside.no_update, dash_clientside.no_update];
    const next = structuredClone(drawn);
    const plot = document.querySelector(`#figure-${id.name} .js-plotly-plot`);
    const isBrushed = id.name === "parallel_coordinates";
    if (isBrushed && plot && plot.layout && looksTheSame(plot, drawnBefore.last, drawn)) {
      return [dash_clientside.no_update, dash_clientside.no_update];
    }
    if (isBrushed) drawnBefore.last = drawn;
    if (plot && plot.layout && plot.layout.uirevision === next.layout.uirevision) keep(plot, next);
    const height = `${next.layout.height || 380}px`;
    const box = document.querySelector(`#figure-${id.name} .graph`);
    if (box) box.style.height = height; // now: Plotly would lay the figure out for the box as it was
    return [next, { height }];
  },

  // New rows, or another choice of them: the table asks again, and stays where it is if it can.
  refreshTrials: async function () {
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
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelector("#trial-panel .close")?.click();
  });
})();
