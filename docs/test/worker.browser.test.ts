/** Training in workers of a page, which have threads of their own. */
import "@dl/backend-cpu";
import { fromBytes, toBytes } from "@dl/checkpoint";
import { Linear } from "@dl/nn";
import { manualSeed } from "@dl/tensor";
import { expect, test } from "vitest";

interface Answer {
  readonly weights: ArrayBuffer;
  readonly threads: number;
}

const start = (): Worker => new Worker(new URL("./training-worker.ts", import.meta.url), { type: "module" });

async function train(worker: Worker, steps: number): Promise<Answer> {
  manualSeed(0);
  const { buffer: weights } = await toBytes(new Linear(64, 64).stateDict());
  return await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ weights, steps }, [weights]);
  });
}

test("two workers at once learn the same, each on threads of its own", async () => {
  const answers = await Promise.all([train(start(), 50), train(start(), 50)]);
  expect(answers.map(({ threads }) => threads)).toEqual([2, 2]);
  const [one, other] = answers.map(({ weights }) => fromBytes(weights)["weight"]!.toArray());
  expect(one).toEqual(other);
});

test("a worker that is ended while it trains leaves room for the next", async () => {
  for (let i = 0; i < 3; i++) {
    const worker = start();
    void train(worker, 1e9);
    await new Promise((resolve) => setTimeout(resolve, 300));
    worker.terminate();
  }
  expect((await train(start(), 10)).threads).toBe(2);
});
