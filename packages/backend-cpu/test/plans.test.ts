/** Plans of walks over operands that do not merge. */
import "../src/index.ts";
import { cat, Pressure, rand, scope, type Tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const collected = async (): Promise<number> => {
  await new Pressure(() => 0).collect();
  return process.memoryUsage().heapUsed;
};

/** What was kept for each call once grew with every one of them, and took longer and longer to move. */
test("short runs and tiles leave nothing behind, however often they come", async () => {
  const [pairs, boxes, square] = [rand(40, 2), rand(40, 4), rand(64, 64)];
  const work = (): Tensor[] => [pairs.add(boxes.at([], [2])), cat([pairs, boxes], 1), square.add(square.t())];
  const repeat = (times: number): void => {
    for (let i = 0; i < times; i++) scope(() => void work().map((made) => made.at(0, 0).item()));
  };
  repeat(2000);
  const before = await collected();
  repeat(20_000);
  expect((await collected()) - before).toBeLessThan(2 ** 20);
}, 60_000);
