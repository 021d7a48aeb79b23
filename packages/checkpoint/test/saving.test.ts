/** What is saved where, and what is refused before a file is touched. */
import "@dl/backend-cpu";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { fromBytes, load, loadCheckpoint, save, saveCheckpoint } from "@dl/checkpoint";
import { Linear } from "@dl/nn";
import { tensor } from "@dl/tensor";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "dl-saving-"));
afterAll(() => rmSync(folder, { recursive: true }));
const weights = { w: tensor([1, 2]) };
const isPosix = process.platform !== "win32";

describe("a file is saved", () => {
  test.runIf(isPosix)("where a link leads, with the mode that was there", async () => {
    const [real, link] = [join(folder, "real"), join(folder, "link")];
    await save({ w: tensor([0]) }, real);
    chmodSync(real, 0o640);
    symlinkSync(real, link);
    await save(weights, link);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect((await load(real))["w"]!.toArray()).toEqual([1, 2]);
  });

  test.runIf(isPosix)("through a pipe, which stays one", async () => {
    const pipe = join(folder, "pipe");
    spawnSync("sh", ["-c", `mkfifo "$0"`, pipe]);
    const reader = spawn("cat", [pipe]);
    const read: Buffer[] = [];
    reader.stdout.on("data", (part: Buffer) => read.push(part));
    const ended = new Promise((resolve) => reader.on("close", resolve));
    await save(weights, pipe);
    await ended;
    expect(fromBytes(Buffer.concat(read))["w"]!.toArray()).toEqual([1, 2]);
    expect(statSync(pipe).isFIFO()).toBe(true);
  });

  test("under names as long as they may be, and by file URL", async () => {
    const long = join(folder, "n".repeat(255));
    await save(weights, long);
    await saveCheckpoint({ weights, epoch: 3 }, pathToFileURL(join(folder, "by url")));
    expect(Object.keys(await load(pathToFileURL(long)))).toEqual(["w"]);
    expect(await loadCheckpoint(join(folder, "by url"))).toMatchObject({ epoch: 3 });
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("never over a folder", async () => {
    const inner = join(folder, "inner");
    mkdirSync(inner);
    await expect(save(weights, inner)).rejects.toThrow("it is a folder. Give a file name");
    expect(readdirSync(inner)).toEqual([]);
  });

  test.runIf(isPosix)("over one that may not be written by root alone, who may", async () => {
    const path = join(folder, "kept");
    await save({ w: tensor([0]) }, path);
    chmodSync(path, 0o444);
    const before = readFileSync(path);
    const saved = save(weights, path);
    if (process.getuid!() === 0) await saved;
    else await expect(saved).rejects.toThrow("access is denied");
    expect(readFileSync(path).equals(before)).toBe(process.getuid!() !== 0);
    expect(statSync(path).mode & 0o777).toBe(0o444);
  });
});

test.each([
  ["null", () => save(null as never, "x"), "got a null, and this function takes tensors by name"],
  ["a Map", () => save(new Map(Object.entries(weights)) as never, "x"), "got a Map, .*Object.fromEntries"],
  ["a promise", () => save(Promise.resolve(weights) as never, "x"), "got a Promise, .*Await it first"],
  ["a tensor alone", () => save(tensor([1]) as never, "x"), "Pass { name: tensor }"],
  ["metadata of numbers", () => save(weights, "x", { epoch: 3 } as never), '"epoch" of the metadata is a number'],
  ["metadata that is text", () => save(weights, "x", "notes" as never), "the metadata is a string"],
])("%s is refused before a file is touched", async (_, run, message) => {
  await expect(run()).rejects.toThrow(new RegExp(message));
  expect(existsSync("x")).toBe(false);
});

test("numbers and lists keep what JSON would change", async () => {
  const path = join(folder, "plain");
  await saveCheckpoint({ list: [1, undefined, 2], zero: -0, nothing: undefined }, path);
  const back = await loadCheckpoint<{ list: unknown[]; zero: number }>(path);
  expect(back).toEqual({ list: [1, undefined, 2], zero: -0 });
  expect(1 in back.list).toBe(true);
});

test("data that holds itself is refused", async () => {
  const state: Record<string, unknown> = {};
  state["self"] = state;
  await expect(saveCheckpoint(state, join(folder, "self"))).rejects.toThrow("holds itself");
});

test("a state that was not waited for is named", () => {
  const model = new Linear(1, 1);
  expect(() => model.loadStateDict(Promise.resolve(weights) as never)).toThrow("got a promise. Await it");
  expect(() => model.loadStateDict(null as never)).toThrow("needs tensors by name, got null");
  expect(() => model.loadStateDict(new Linear(1, 1) as never)).toThrow("needs tensors by name, got a module");
});
