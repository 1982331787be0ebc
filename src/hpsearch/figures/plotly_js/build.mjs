// Writes plotly.min.js, Plotly.js with the traces that index.js names, and LICENSES.txt, of all packages that are in it.
// `npm ci && npm run build`, then `npm run clean`.
import { parse } from "acorn";
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { version } = createRequire(import.meta.url)("plotly.js/package.json");

const { metafile, outputFiles } = await build({
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
  write: false,
});

// Plotly's modules are functions, nearly all of which are called when the script is: `wrap((exports, module) => {...})`. Written
// as `wrap((function(exports, module) {...}))` they are compiled while the script loads, in the background. Otherwise
// browsers only skim them there, and read them once more, on the page's one thread, when they are called.
const inBrackets = (script) => {
  const whole = parse(script, { ecmaVersion: "latest" }).body.find((statement) => statement.type === "VariableDeclaration");
  const statements = whole.declarations[0].init.callee.body.body; // var Plotly = (() => {...})()
  const modules = statements
    .flatMap((statement) => (statement.type === "VariableDeclaration" ? statement.declarations : []))
    .flatMap(({ init }) => (init?.type === "CallExpression" && init.arguments.length === 1 ? init.arguments : []))
    .filter(({ type, params, body }) => type === "ArrowFunctionExpression" && params.length && body.type === "BlockStatement");
  const parts = modules.flatMap(({ start, end, params, body }) => [
    [start, body.start, `(function(${params.map(({ name }) => name)})`],
    [end, end, ")"],
  ]);
  let [done, from] = ["", 0];
  for (const [start, end, text] of parts) {
    done += script.slice(from, start) + text;
    from = end;
  }
  return done + script.slice(from);
};
writeFileSync("plotly.min.js", inBrackets(outputFiles[0].text));

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
