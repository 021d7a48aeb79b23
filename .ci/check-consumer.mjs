// Users' projects outside the workspace: the tarballs installed by npm, programs compiled with the strictest promise we
// make (`skipLibCheck: false`, TypeScript 5.4 and ours, both module resolutions), then run by plain Node. One program has
// the library level ES2022 and nothing else, another one what a platform adds. Last, they are built for browsers as
// applications are, without what seems unused, and run again.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { pack, readJson, run } from "./workspace.mjs";

/** @param {string} name */
const ours = (name) => readJson(`node_modules/${name}/package.json`).version;
const compilers = [
  { name: "typescript-5.4", version: "5.4.5", platform: ["@webgpu/types"] }, // its DOM has no GPU yet
  { name: "typescript-current", version: ours("typescript"), platform: [] },
];
const resolutions = [
  { module: "NodeNext", moduleResolution: "NodeNext" },
  { module: "ESNext", moduleResolution: "Bundler" },
];
const programs = [
  { file: "main", lib: ["ES2022"] },
  { file: "few", lib: ["ES2022"] },
  { file: "platform", lib: ["ES2022", "ESNext.Disposable", "DOM"] },
];

const home = mkdtempSync(join(tmpdir(), "dl-consumer-"));
try {
  cpSync(".ci/consumer", home, { recursive: true });
  install();
  for (const compiler of compilers) {
    for (const resolution of resolutions) {
      for (const program of programs) compile(compiler, resolution, program);
    }
  }
  for (const { file } of programs) {
    run("node", [`out/${file}.js`], home);
    await bundle(file);
    run("node", [`web/${file}.js`], home);
  }
} finally {
  rmSync(home, { recursive: true });
}

function install() {
  const tarballs = join(home, "tarballs");
  mkdirSync(tarballs);
  const aliases = compilers.map(({ name, version }) => `${name}@npm:typescript@${version}`);
  const types = `@webgpu/types@${ours("@webgpu/types")}`;
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...pack(tarballs), ...aliases, types], home);
}

/**
 * @param {typeof compilers[number]} compiler
 * @param {typeof resolutions[number]} resolution
 * @param {typeof programs[number]} program
 */
function compile({ name, platform }, resolution, { file, lib }) {
  console.log(`${name}, moduleResolution ${resolution.moduleResolution}, ${file}.ts with ${lib.join(", ")}`);
  const types = file === "platform" ? platform : [];
  const promised = { target: "ES2022", lib, types, strict: true, skipLibCheck: false };
  const compilerOptions = { ...promised, ...resolution, outDir: "out" };
  writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [`${file}.ts`] }));
  run("node", [`node_modules/${name}/bin/tsc`], home);
}

/** @param {string} file */
async function bundle(file) {
  console.log(`vite build, ${file}.ts`);
  const output = { entryFileNames: `${file}.js`, keepNames: true };
  const rolldownOptions = { input: join(home, `${file}.ts`), output, onLog: refuse };
  const quiet = /** @type {const} */ ("warn");
  const options = { outDir: "web", emptyOutDir: false, modulePreload: false, chunkSizeWarningLimit: 2000 };
  await build({ root: home, logLevel: quiet, build: { ...options, rolldownOptions } });
}

/**
 * @param {string} level
 * @param {{ message: string }} log
 */
function refuse(level, { message }) {
  if (level === "warn") throw new Error(message);
}
