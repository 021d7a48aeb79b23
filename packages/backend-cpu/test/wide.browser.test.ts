/** Memory beyond 4 GiB, where the program asks for it: results are the same, wherever tensors lie. */
import { expect, test } from "vitest";

Object.assign(globalThis, { DL_MEMORY64: "1" });
const { getMemoryLimit, setNumThreads } = await import("@dl/backend-cpu");
const { arange, empty, manualSeed, memory, rand, zeros } = await import("@dl/tensor");

const GiB = 2 ** 30;

function results(): unknown[] {
  manualSeed(0);
  const [x, y] = [rand(300, 200), rand(200, 300)];
  const made = [
    x.add(y.t()),
    x.flip(1).exp().sum(0),
    x.matmul(y),
    x.view(30, 10, 200).matmul(y),
    ...x.sort(1),
    x.gather(1, arange(0, 200, 3).expand(300, 67)),
    x.indexSelect(0, arange(0, 300, 7)),
    x.cumsum(1),
    x.softmax(0),
    x.std(1),
  ];
  return made.map((tensor) => tensor.toArray());
}

const below = results();
const room = 4 * GiB - 2 ** 20 - memory("cpu").bytes;
const filling = [2 * GiB, room - 2 * GiB].map((bytes) => empty(bytes, { dtype: "uint8" }));

test("tensors across and above the mark of 4 GiB, on one thread and on two", () => {
  expect(getMemoryLimit()).toBeGreaterThan(7 * GiB);
  expect(filling.length).toBe(2);
  for (const threads of [1, 2]) {
    setNumThreads(threads);
    expect(results()).toEqual(below);
  }
  expect(memory("cpu").reserved).toBeGreaterThan(4 * GiB);
});

test("one tensor stays below 2 GiB", () => {
  expect(() => zeros(40000, 36000)).toThrow(/One tensor holds 2 GiB at most\. Split the work into parts/);
});

// All the others come after these: each op, above the mark.
await import("./cases.test.ts");
