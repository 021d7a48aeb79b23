import "@dl/autograd";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { belowFloors, readFloors } from "../src/floors.ts";
import { run, summarize } from "../src/run.ts";

const folder = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

test("what PyTorch recorded is met as often as it ever was", { timeout: 120_000 }, async () => {
  expect(belowFloors(summarize(await run({ golden: folder("golden") })), readFloors())).toEqual([]);
});

test("what was recorded beside it is met without exception", { timeout: 120_000 }, async () => {
  const outcomes = [...(await run({ golden: folder("golden-extra") })).values()].flat();
  expect(outcomes.length).toBeGreaterThan(1500);
  expect(outcomes.filter(({ status }) => status !== "passed")).toEqual([]);
});
