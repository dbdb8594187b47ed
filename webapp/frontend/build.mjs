// Bundles the browser code: `node build.mjs [--outdir DIR] [--watch]`.
// Each page family has one entry file; one that does not exist is left out.
import { existsSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const option = process.argv.indexOf("--outdir");
const outdir = option > 0 ? resolve(process.argv[option + 1]) : resolve(here, "../static/dist");

const entries = ["participant", "pages", "explorer", "selftest"]
  .map((name) => join(here, "src", name, `${name}.ts`))
  .filter((path) => existsSync(path));

// The package build trusts this stamp; a bundle made by hand has to be made again there.
rmSync(join(outdir, "sources.sha256"), { force: true });

const bundler = await context({
  entryPoints: entries,
  entryNames: "[name]",
  outdir,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "firefox115", "safari16"],
  legalComments: "eof",
  logLevel: "info",
});
if (process.argv.includes("--watch")) {
  await bundler.watch();
} else {
  await bundler.rebuild();
  await bundler.dispose();
}
