/**
 * The TypeScript of every README compiles under the project's strictest settings, and runs. A block that needs the
 * network says `no-run` behind its language; one that needs a GPU is run where there is one.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
// Inside the workspace `docs`, so that its dependencies are found.
const folder = join(root, "docs/node_modules/.cache/readme");
const elsewhere = mkdtempSync(join(tmpdir(), "dl-readme-"));
afterAll(() => rmSync(elsewhere, { recursive: true }));

const readmes = ["README.md", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`)];
const blocks = readmes.flatMap((readme) =>
  [...readFileSync(join(root, readme), "utf8").matchAll(/^```ts(.*)\n([\s\S]*?)^```$/gm)].map(([, kind, code], i) => ({
    readme,
    file: join(folder, `${readme.replace(/\/?README\.md$/, "").replaceAll("/", "-") || "root"}-${i + 1}.mts`),
    code: code!,
    runs: !kind!.includes("no-run"),
  })),
);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const { file, code } of blocks) writeFileSync(file, code);
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({ extends: join(root, "tsconfig.test.json"), compilerOptions: { rootDir: root }, include: ["*.mts"] }),
);

/** Runs a program of the workspace; gives what it wrote when it fails. */
async function program(name: string, args: readonly string[], cwd: string): Promise<string> {
  const bin = join(root, "node_modules/.bin", name);
  return await run(bin, args, { cwd, env: { ...process.env, DL_OFFLINE: "1" } }).then(
    () => "",
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  );
}

const adapter = await import("@dl/backend-webgpu").then(({ useWebGPU }) =>
  useWebGPU().then(
    (gpu) => {
      gpu.destroy();
      return true;
    },
    () => false,
  ),
);
if (!adapter) console.log("skipped: the WebGPU example needs an adapter, and there is none");
const gpu = adapter || process.env["CI"] !== undefined;
const runnable = blocks.filter(({ runs, code }) => runs && (gpu || !code.includes("@dl/backend-webgpu")));

test("every package's README has an example", () => {
  expect(readmes.filter((readme) => !blocks.some((block) => block.readme === readme))).toEqual([
    "packages/conformance/README.md", // a command, not a library
  ]);
});

test("READMEs compile", async () => {
  expect(await program("tsc", ["-p", folder], root)).toBe("");
});

test("READMEs run", async () => {
  const files = runnable.map(({ file }) => file);
  const main = join(folder, "main.mts");
  writeFileSync(
    main,
    `import { writeFileSync } from "node:fs";
     const outcome: Record<string, string> = {};
     for (const file of ${JSON.stringify(files)}) {
       await import(file).then(() => (outcome[file] = "runs"), (error) => (outcome[file] = error.stack));
     }
     writeFileSync("outcome.json", JSON.stringify(outcome));`,
  );
  expect(await program("tsx", ["--conditions=@dl/source", main], elsewhere)).toBe("");
  const outcome: unknown = JSON.parse(readFileSync(join(elsewhere, "outcome.json"), "utf8"));
  expect(outcome).toEqual(Object.fromEntries(files.map((file) => [file, "runs"])));
});
