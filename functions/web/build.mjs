// Bundles the page into functions/Page/assets, with names that change with the content, so that browsers may keep them for ever.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const target = path.resolve(process.argv[2] ?? path.join(here, "..", "Page", "assets"));

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx"],
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  charset: "utf8",
  outdir: "out",
  write: false,
});

let html = await readFile(path.join(here, "index.html"), "utf8");
const files = new Map();
for (const [placeholder, extension] of [["STYLE", ".css"], ["SCRIPT", ".js"]]) {
  const { contents } = outputFiles.find((file) => file.path.endsWith(extension));
  const name = `app-${createHash("sha256").update(contents).digest("hex").slice(0, 12)}${extension}`;
  files.set(name, contents);
  html = html.replace(placeholder, `/assets/${name}`);
}
files.set("index.html", html);

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
for (const [name, contents] of files) await writeFile(path.join(target, name), contents);
