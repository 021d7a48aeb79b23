// One file for each entry of a package beside the modules of `tsc`: Node reads a file where it would look for a hundred,
// which is most of the time that a short program takes to begin. Browsers' bundlers get the modules: they leave out more.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { preparedSource } from "./prepare.mjs";
import { packages } from "./workspace.mjs";

/** @type {import("esbuild").Plugin} */
const preparedKernels = {
  name: "prepared kernels",
  setup({ onLoad }) {
    onLoad({ filter: /backend-cpu\/dist\/runtime\/prepared\.js$/ }, () => ({ contents: preparedSource() }));
  },
};

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
    plugins: [preparedKernels],
    logLevel: "warning",
  });
  for (const name of readdirSync(outdir, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue;
    const file = `${outdir}/${name}`;
    writeFileSync(file, inAscii(underOwnNames(readFileSync(file, "utf8"))));
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

/**
 * Comments are all that esbuild does not escape; a file with one letter beyond ASCII is held, and read, in twice the bytes.
 *
 * @param {string} text
 */
function inAscii(text) {
  return text.replace(/[^\p{ASCII}]/gu, "?");
}
