// A user's project outside the workspace: the tarballs installed by npm, small programs compiled with the strictest
// promise we make (`skipLibCheck: false`, TypeScript 5.4 and ours, both module resolutions), then run by plain Node.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, readJson, run } from "./workspace.mjs";

/** The programs and the library level that each may count on. */
const programs = { "main.ts": ["ES2022"], "webgpu.ts": ["ES2022", "DOM"] };
const compilers = {
  "typescript-5.4": "5.4.5",
  "typescript-current": readJson("node_modules/typescript/package.json").version,
};
const resolutions = [
  { module: "NodeNext", moduleResolution: "NodeNext" },
  { module: "ESNext", moduleResolution: "Bundler" },
];

const home = mkdtempSync(join(tmpdir(), "dl-consumer-"));
try {
  cpSync(".ci/consumer", home, { recursive: true });
  writeFileSync(join(home, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
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
  const aliases = Object.entries(compilers).map(([name, version]) => `${name}@npm:typescript@${version}`);
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...pack(tarballs), ...aliases], home);
}

/**
 * @param {string} compiler
 * @param {typeof resolutions[number]} resolution
 */
function compile(compiler, resolution) {
  for (const [program, lib] of Object.entries(programs)) {
    console.log(`${program} with ${compiler}, ${resolution.moduleResolution}, lib ${lib.join(" + ")}`);
    const compilerOptions = {
      target: "ES2022",
      lib,
      ...resolution,
      strict: true,
      skipLibCheck: false,
      types: [],
      outDir: "out",
    };
    writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [program] }));
    run("node", [`node_modules/${compiler}/bin/tsc`], home);
  }
}
