/** A page reads the files beside it and gets batches of them. */
import "@dl/backend-cpu";
import { DataLoader } from "@dl/data";
import { DatasetError, MNIST, transforms } from "@dl/vision-datasets";
import { afterEach, expect, test, vi } from "vitest";

const root = "/packages/vision-datasets/test/fixtures";
const ask = globalThis.fetch;
afterEach(() => vi.unstubAllGlobals());

/** The fixtures lie there under shorter names. */
const rename = (url: string, init?: RequestInit) => ask(url.replace("train-", ""), init);

test("from addresses below the root", async () => {
  vi.stubGlobal("fetch", rename);
  const train = await MNIST.load(root, { transform: new transforms.ToTensor() });
  expect(train.length).toBe(20);
  for await (const [images, labels] of new DataLoader(train, { batchSize: 20 })) {
    expect(images.shape).toEqual([20, 1, 28, 28]);
    expect(labels.toArray()).toEqual([3, 6, 8, 4, 8, 4, 6, 4, 0, 2, 6, 3, 9, 5, 5, 5, 8, 1, 2, 5]);
  }
});

test("what the server does not have is an error that says what to do", async () => {
  const missing = MNIST.load(root);
  await expect(missing).rejects.toThrow(DatasetError);
  await expect(missing).rejects.toThrow(/not found: it is not below .*fixtures\. Pass download: true, or serve/);
});
