// One file for each entry of a package beside the modules of `tsc`: Node reads a file where it would look for a hundred,
// which is most of the time that a short program takes to begin. Browsers' bundlers get the modules: they leave out more.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { packages } from "./workspace.mjs";

for (const { folder, manifest } of packages.filter(({ manifest }) => !manifest.private)) {
  const outdir = `${folder}/dist/bundle`;
  rmSync(outdir, { recursive: true, force: true });
  const entries = Object.values(manifest.exports).map((entry) => `${folder}/${entry.default}`);
  await build({
    entryPoints: entries,
    outbase: `${folder}/dist`,
    outdir,
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: true,
    logLevel: "warning",
  });
  for (const name of readdirSync(outdir, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue;
    const file = `${outdir}/${name}`;
    writeFileSync(file, underOwnNames(readFileSync(file, "utf8")));
  }
}

/**
 * esbuild writes a class that mentions itself as `var Linear = class _Linear`, and models print the names of classes.
 *
 * @param {string} text
 */
function underOwnNames(text) {
  const renamed = text.matchAll(/^var (\w+) = class _\1\b/gm);
  return [...renamed].reduce((now, [, name]) => now.replace(new RegExp(`\\b_${name}\\b`, "g"), String(name)), text);
}
