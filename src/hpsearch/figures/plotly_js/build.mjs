// Writes plotly.min.js: Plotly.js with the traces that index.js names. `npm ci && npm run build`, then `npm run clean`.
import { build } from "esbuild";
import { createRequire } from "node:module";

const { version } = createRequire(import.meta.url)("plotly.js/package.json");

await build({
  entryPoints: ["index.js"],
  outfile: "plotly.min.js",
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "Plotly",
  target: "es2020",
  charset: "utf8",
  banner: { js: `/* plotly.js v${version}, the traces of index.js alone. Copyright Plotly, Inc. MIT License. */` },
  legalComments: "eof",
  // as Plotly's own build has it
  alias: { regl: "@plotly/regl", buffer: "buffer/" },
  define: { global: "window", "define.amd": "false", "process.env.NODE_DEBUG": "false" },
  loader: { ".glsl": "text", ".css": "empty" },
  logLevel: "warning",
});
