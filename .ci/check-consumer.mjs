// A user's project outside the workspace: the tarballs installed by npm, a program compiled with the strictest promise
// we make (`skipLibCheck: false`, library level ES2022 without the DOM, TypeScript 5.4 and ours, both module
// resolutions), then run by plain Node.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, readJson, run } from "./workspace.mjs";

const ours = readJson("node_modules/typescript/package.json").version;
const compilers = { "typescript-5.4": "5.4.5", "typescript-current": ours };
const resolutions = [
  { module: "NodeNext", moduleResolution: "NodeNext" },
  { module: "ESNext", moduleResolution: "Bundler" },
];

const home = mkdtempSync(join(tmpdir(), "dl-consumer-"));
try {
  cpSync(".ci/consumer", home, { recursive: true });
  install();
  for (const compiler of Object.keys(compilers)) {
    for (const resolution of resolutions) compile(compiler, resolution);
  }
  run("node", ["out/main.js"], home);
} finally {
  rmSync(home, { recursive: true });
}

function install() {
  const tarballs = join(home, "tarballs");
  mkdirSync(tarballs);
  const aliases = Object.entries(compilers).map(([name, version]) => `${name}@npm:typescript@${version}`);
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...pack(tarballs), ...aliases], home);
}

/**
 * @param {string} compiler
 * @param {typeof resolutions[number]} resolution
 */
function compile(compiler, resolution) {
  console.log(`${compiler}, moduleResolution ${resolution.moduleResolution}`);
  const promised = { target: "ES2022", lib: ["ES2022"], types: [], strict: true, skipLibCheck: false };
  const compilerOptions = { ...promised, ...resolution, outDir: "out" };
  writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
  run("node", [`node_modules/${compiler}/bin/tsc`], home);
}
