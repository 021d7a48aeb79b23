/** Pages cannot call the collector: it is brought to run all the same. */
import { Pressure } from "@dl/tensor";
import { expect, onTestFinished, test, vi } from "vitest";

test("what was forgotten is found without a word from the page", async () => {
  let found = 0;
  const registry = new FinalizationRegistry(() => found++);
  const pressure = new Pressure(() => 0);
  for (let i = 0; i < 50 && found === 0; i++) {
    registry.register({}, i);
    await pressure.collect();
  }
  expect(found).toBeGreaterThan(0);
});

test("where there is no room for a hint, nothing happens", async () => {
  onTestFinished(() => void vi.unstubAllGlobals());
  const refuse = vi.fn(function refuse() {
    throw new RangeError("Array buffer allocation failed");
  });
  vi.stubGlobal("ArrayBuffer", refuse);
  await new Pressure(() => 0).collect();
  expect(refuse).toHaveBeenCalledOnce();
});
