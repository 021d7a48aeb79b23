/** A page that is cross-origin isolated: threads share the memory. */
import { setNumThreads } from "@dl/backend-cpu";
import { manualSeed, rand } from "@dl/tensor";
import { expect, test } from "vitest";

test("threads give what one thread gives", async () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  manualSeed(0);
  const [x, y] = [rand(300, 200), rand(200, 300)];
  const work = () => x.matmul(y).exp().sum(0).data();
  setNumThreads(1);
  const alone = await work();
  setNumThreads(2);
  expect(await work()).toEqual(alone);
});
