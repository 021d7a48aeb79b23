// What the checks share: the packages of the workspace, and how to run a program.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @param {string} file */
export const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

/** Every package under packages/, with its manifest. */
export const packages = readdirSync("packages").map((folder) => ({
  folder: `packages/${folder}`,
  manifest: readJson(`packages/${folder}/package.json`),
}));

/** @param {string} part */
const typescript = (part) =>
  packages.flatMap(({ folder }) =>
    readdirSync(join(folder, part), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, part, name)),
  );

/** Every TypeScript source file of the packages. */
export const sources = typescript("src");
/** Every one of their tests. */
export const tests = typescript("test");

/**
 * Runs a program and shows what it prints. When it fails, so will this process, after the rest of its checks.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [cwd]
 */
export function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", cwd });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")}: ${error?.message ?? `exit code ${status}`}`);
  process.exitCode = 1;
}

/**
 * Packs every public package as it would be published.
 *
 * @param {string} folder Where the tarballs go.
 * @returns {string[]} Their paths.
 */
export function pack(folder) {
  const pnpm = ["-y", readJson("package.json").packageManager];
  const filters = packages
    .filter(({ manifest }) => !manifest.private)
    .map(({ manifest }) => `--filter=${manifest.name}`);
  execFileSync("npx", [...pnpm, "-r", ...filters, "pack", "--pack-destination", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return readdirSync(folder).map((name) => join(folder, name));
}
