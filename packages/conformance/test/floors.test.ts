import "@dl/autograd";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { belowFloors, readFloors } from "../src/floors.ts";
import { run, summarize } from "../src/run.ts";

const golden = fileURLToPath(new URL("../golden", import.meta.url));

test("what PyTorch recorded is met as often as it ever was", { timeout: 120_000 }, async () => {
  expect(belowFloors(summarize(await run({ golden })), readFloors())).toEqual([]);
});
