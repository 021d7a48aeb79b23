/**
 * The TypeScript of every README, of the guide and the `@example`s of docstrings compile under the project's strict settings, and run. A
 * block that needs the network says `no-run` behind its language; one that needs a GPU is run where there is one. Values that
 * examples give behind `//` are held against what comes out.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Inside the workspace `docs`, so that its dependencies are found.
const folder = join(root, "docs/node_modules/.cache/readme");
const elsewhere = mkdtempSync(join(tmpdir(), "dl-readme-"));
afterAll(() => rmSync(elsewhere, { recursive: true }));

interface Block {
  /** `packages/nn/README.md 2`. */
  readonly name: string;
  readonly code: string;
  readonly runs: boolean;
}

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readmes = ["README.md", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`)];
const guide = readdirSync(join(root, "docs/guide")).map((name) => `docs/guide/${name}`);

function readmeBlocks(path: string): Block[] {
  return [...read(path).matchAll(/^```ts(.*)\n([\s\S]*?)^```$/gm)].map(([, kind, code], i) => {
    return { name: `${path} ${i + 1}`, code: code!, runs: !kind!.includes("no-run") };
  });
}

const documented = [
  "tensor",
  "autograd",
  "backend-cpu",
  "backend-webgpu",
  "nn",
  "optim",
  "data",
  "checkpoint",
  "vision-datasets",
];
/** Who exports what: examples need not say it. */
const owners = new Map<string, string>();
for (const name of documented) {
  for (const exported of Object.keys(await import(`@dl/${name}`))) owners.set(exported, name);
}
/** What examples may take as given. */
const given = `const model = new Linear(4, 2);
const optimizer = new SGD(model.parameters(), { lr: 0.1 });
`;

function exampleBlocks(path: string): Block[] {
  const docs = [...read(path).matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(([doc]) => doc.split("@example").slice(1));
  return docs.map((doc, i) => {
    const text = doc.replace(/\n\s*(\* @(?!ts)|\*\/)[\s\S]*|\*\/$/, "").replaceAll(/^\s*\* ?/gm, "");
    return { name: `${path} ${i + 1}`, code: complete(text), runs: !text.includes("download: true") };
  });
}

/** `expression; // value` */
const outcomes = /^(?!(?:const|for|await) )(\S.*); \/\/ ((?:tensor\(|[["\d-]|true|false|null|undefined).*)$/gm;

/** An example with its imports, in a function, so that it may have names of its own. */
function complete(example: string): string {
  const used = new Set((given + example).match(/(?<![.\w])[A-Za-z_]\w*/g));
  const imports = [...used].filter((name) => owners.has(name)).map((name) => [name, owners.get(name)!] as const);
  return [
    'import "@dl/autograd";\nimport "@dl/backend-cpu";\nimport type { StateDict } from "@dl/nn";',
    'import { said } from "../../../test/fixtures/said.ts";',
    ...imports.map(([name, owner]) => `import { ${name} } from "@dl/${owner}";`),
    `${given}await (async () => {\n${example.replaceAll(outcomes, "said($1, `$2`);")}\n})();\n`,
  ].join("\n");
}

const sources = documented.flatMap((name) =>
  readdirSync(join(root, "packages", name, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .map((path) => `packages/${name}/src/${path}`),
);
const readmeCode = [...readmes, ...guide].flatMap(readmeBlocks);
const blocks = [...readmeCode, ...sources.flatMap(exampleBlocks)];
const fileOf = ({ name }: Block): string => join(folder, `${name.replaceAll(/\W+/g, "-")}.mts`);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const block of blocks) writeFileSync(fileOf(block), block.code);
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: join(root, "tsconfig.test.json"),
    compilerOptions: { rootDir: root, noUnusedLocals: false, noUnusedParameters: false },
    include: ["*.mts"],
  }),
);

/** Runs a program of the workspace; gives what it wrote when it fails. */
async function program(name: string, args: readonly string[], cwd: string): Promise<string> {
  const bin = join(root, "node_modules/.bin", name);
  return await promisify(execFile)(bin, args, { cwd, env: { ...process.env, DL_OFFLINE: "1" } }).then(
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
  expect(readmes.filter((readme) => !readmeCode.some(({ name }) => name.startsWith(`${readme} `)))).toEqual([
    "packages/conformance/README.md", // a command, not a library
  ]);
});

test("READMEs and examples compile", async () => {
  const complaints = (await program("tsc", ["-p", folder], root)).split("\n");
  // What is wrong with the sources themselves is the build's to tell.
  expect(complaints.filter((line) => !/^(packages\/|\s|$)/.test(line))).toEqual([]);
});

test("READMEs and examples run", async () => {
  const files = runnable.map(fileOf);
  const main = join(elsewhere, "main.mjs");
  writeFileSync(
    main,
    `import { writeFileSync } from "node:fs";
     const outcome = {};
     for (const file of ${JSON.stringify(files)}) {
       await import(file).then(() => (outcome[file] = "runs"), (error) => (outcome[file] = error.stack));
     }
     writeFileSync("outcome.json", JSON.stringify(outcome));`,
  );
  expect(await program("tsx", ["--conditions=@dl/source", main], elsewhere)).toBe("");
  const outcome: unknown = JSON.parse(readFileSync(join(elsewhere, "outcome.json"), "utf8"));
  expect(outcome).toEqual(Object.fromEntries(files.map((file) => [file, "runs"])));
});
