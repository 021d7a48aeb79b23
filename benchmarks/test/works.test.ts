import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { uniform, wholes } from "../lib/data.ts";
import { oursOn, peers } from "../lib/libraries.ts";
import { multiplyAddsPerSecond } from "../lib/limit.ts";
import { elementwise } from "../lib/shapes.ts";
import { sweeps } from "../lib/sweep.ts";
import { works } from "../lib/works.ts";
import { table } from "../works/elementwise.ts";

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const cases = Object.values({ ...works, ...sweeps }).flat();

describe("the table of works", () => {
  it("names every case once, and asks libraries that there are", () => {
    const names = cases.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const known = peers.map(({ name }) => name);
    for (const { peers: asked, tooSlow = [] } of cases) {
      expect(known).toEqual(expect.arrayContaining([...asked]));
      expect(asked).toEqual(expect.arrayContaining([...tooSlow]));
    }
  });

  it("has a file of ours for every work", () => {
    for (const work of Object.keys(works)) expect(existsSync(here(`works/${work}.ts`)), work).toBe(true);
  });

  it("counts the bytes of every element-wise op that we run, and of no other", () => {
    expect(Object.keys(table).sort()).toEqual(elementwise.map(([name]) => name).sort());
  });
});

it("the limit of multiply-adds is a WebAssembly loop that this engine takes", () => {
  expect(multiplyAddsPerSecond()).toBeGreaterThan(0);
});

it("ours runs on another Node with flags of its own, or says that it does not", () => {
  const { command, note } = oursOn(process.execPath, ["--expose-gc"]);
  expect(command.slice(0, 2)).toEqual([process.execPath, "--expose-gc"]);
  expect(note).toBe(`Node ${process.version} --expose-gc`);
  expect(() => oursOn("/absent/node", [])).toThrow("/absent/node does not run");
});

const pytorch = peers.find(({ name }) => name === "pytorch")!;
it.skipIf(pytorch.missing() !== undefined)("PyTorch is given the same numbers", () => {
  const code = `from data import floats, wholes
print([floats(3, 9, scale=0.5).tolist(), wholes(6, 9, below=1000).tolist()])`;
  const env = { ...process.env, PYTHONPATH: here("peers/pytorch") };
  const { stdout } = spawnSync(pytorch.command[0], ["-B", "-c", code], { env, encoding: "utf8" });
  expect(JSON.parse(stdout)).toEqual([Array.from(uniform(9, 3, 0.5)), Array.from(wholes(9, 6, 1000))]);
});
