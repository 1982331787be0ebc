// Writes plotly.min.js, Plotly.js with the traces that index.js names, and LICENSES.txt, of all packages that are in it.
// `npm ci && npm run build`, then `npm run clean`.
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { version } = createRequire(import.meta.url)("plotly.js/package.json");

const { metafile } = await build({
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
  metafile: true,
  logLevel: "warning",
});

const bundled = Object.values(metafile.outputs).flatMap((output) =>
  Object.entries(output.inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput ? [file] : [])),
);
const folders = new Set(bundled.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
const licence = (folder) => {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : "(its package has no text of it)";
  return `${name} ${version}: ${license}\n\n${text}\n`;
};
const rule = `\n${"-".repeat(80)}\n\n`;
writeFileSync("LICENSES.txt", [...folders].sort().map(licence).join(rule).replaceAll("\r\n", "\n"));
