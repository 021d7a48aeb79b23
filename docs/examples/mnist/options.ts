import { parseArgs } from "node:util";

export interface Options {
  readonly data: string | undefined;
  /** How many images to learn from, at most. */
  readonly limit: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly optimizer: "adam" | "sgd";
  readonly seed: number;
  readonly device: "cpu" | "webgpu";
  readonly threads: number | undefined;
  readonly out: string;
}

export const usualLr = { adam: 0.001, sgd: 0.01 } as const;

export const help = `Trains a convolutional network on handwritten digits.

  npm start -- [options]

  --data DIR        a folder with MNIST's four files; else the cache, then a download, then sample digits
  --limit N         learn from N of the images (all)
  --epochs N        passes over the images (3)
  --batch-size N    images in a step (64)
  --lr X            learning rate (${usualLr.adam} for adam, ${usualLr.sgd} for sgd)
  --optimizer NAME  adam, or sgd with momentum 0.9 (adam)
  --seed N          of all random numbers (0)
  --device NAME     cpu or webgpu (cpu)
  --threads N       CPU threads (all cores)
  --out FILE        where the weights go (mnist-cnn.safetensors)
  --help            this text

  DL_HOME moves the cache of downloaded files, DL_MIRROR is a mirror of your own, DL_OFFLINE=1 forbids downloads.
  Ctrl-C stops after the current step and saves the weights; a second one stops at once.`;

const flags = {
  data: { type: "string" },
  limit: { type: "string" },
  epochs: { type: "string", default: "3" },
  "batch-size": { type: "string", default: "64" },
  lr: { type: "string" },
  optimizer: { type: "string", default: "adam" },
  seed: { type: "string", default: "0" },
  device: { type: "string", default: "cpu" },
  threads: { type: "string" },
  out: { type: "string", default: "mnist-cnn.safetensors" },
  help: { type: "boolean", default: false },
} as const;

/** @returns undefined when help was asked for @throws Error that names the option, what it got and what it takes */
export function parseOptions(args: string[]): Options | undefined {
  const { values } = read(args);
  if (values.help) return undefined;
  const optimizer = choice("optimizer", values.optimizer, ["adam", "sgd"]);
  return {
    data: values.data,
    limit: values.limit === undefined ? Number.POSITIVE_INFINITY : whole("limit", values.limit, 1),
    epochs: whole("epochs", values.epochs, 1),
    batchSize: whole("batch-size", values["batch-size"], 1),
    lr: values.lr === undefined ? usualLr[optimizer] : positive("lr", values.lr),
    optimizer,
    seed: whole("seed", values.seed, 0),
    device: choice("device", values.device, ["cpu", "webgpu"]),
    threads: values.threads === undefined ? undefined : whole("threads", values.threads, 1),
    out: values.out,
  };
}

function read(args: string[]) {
  try {
    return parseArgs({ args, options: flags });
  } catch (error) {
    throw new Error(`${(error as Error).message.split(/\.(?:\s|$)/)[0]}. See npm start -- --help`);
  }
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < least) {
    throw new Error(`--${name} takes a whole number of at least ${least}, got "${text}". See npm start -- --help`);
  }
  return value;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new Error(`--${name} takes a number above 0, got "${text}". See npm start -- --help`);
  }
  return value;
}

function choice<const T extends string>(name: string, text: string, among: readonly T[]): T {
  const found = among.find((one) => one === text);
  if (!found) throw new Error(`--${name} takes ${among.join(" or ")}, got "${text}". See npm start -- --help`);
  return found;
}
