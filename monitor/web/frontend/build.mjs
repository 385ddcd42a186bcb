// Bundles the page into the folder given as the only argument. Names carry digests, so browsers keep them for ever.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const target = path.resolve(process.argv[2] ?? "../static");
await mkdir(target, { recursive: true });

const { metafile } = await build({
  entryPoints: { page: "src/main.js", style: "src/style/style.css" },
  outdir: path.join(target, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox115", "safari16.4"],
  minify: true,
  legalComments: "eof",
  metafile: true,
  logLevel: "warning",
});

let html = await readFile("index.html", "utf8");
for (const [file, facts] of Object.entries(metafile.outputs)) {
  if (facts.entryPoint) html = html.replaceAll(facts.entryPoint, `assets/${path.basename(file)}`);
}
if (/(src|href)="src\//.test(html)) throw new Error("index.html names a source that was not bundled");
await writeFile(path.join(target, "index.html"), html);
await copyFile("favicon.svg", path.join(target, "favicon.svg"));
