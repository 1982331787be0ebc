// The kinds of traces that the figures of this folder are made of; scatter is part of the core.
// The strict ones bring their shaders' callers with them, so that no page needs 'unsafe-eval'.
const Plotly = require("plotly.js/lib/core");

Plotly.register([
  require("plotly.js/lib/bar"),
  require("plotly.js/lib/contour"),
  require("plotly.js/lib/heatmap"),
  require("plotly.js/src/traces/parcoords/strict"),
  require("plotly.js/src/traces/scattergl/strict"),
]);

module.exports = Plotly;
