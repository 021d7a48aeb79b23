/** What a data set can be told, and whether it was told that. */
import type { AbortSignalLike } from "@dl/data";
import { fail, showValue } from "@dl/tensor";
import type { DownloadReporter, Source } from "./files.ts";
import type { RawImage } from "./image.ts";
import type { TransformFunction } from "./transforms/transform.ts";

export interface MNISTOptions<X = RawImage, Y = number> {
  /** The 60 000 training samples (the default), or the 10 000 test samples. */
  readonly train?: boolean | undefined;
  /** What each picture becomes; without it they are {@link RawImage}s. */
  readonly transform?: TransformFunction<RawImage, X> | undefined;
  /** What each label becomes. */
  readonly targetTransform?: TransformFunction<number, Y> | undefined;
  /** Fetch files that are found neither below `root` nor in the cache. */
  readonly download?: boolean | undefined;
  /** Where to download from instead: addresses of folders, asked in order. Comes before `DL_MIRROR`. */
  readonly mirrors?: readonly string[] | undefined;
  /** Show how downloads go (the default in Node), or tell it to an object. */
  readonly progress?: boolean | DownloadReporter | undefined;
  /** Read the files from here and nowhere else. */
  readonly source?: Source | ReadonlyMap<string, Uint8Array> | undefined;
  /** An `AbortSignal`: ends downloads with its reason. */
  readonly signal?: AbortSignalLike | undefined;
}

/** A folder's path or address, or a `URL`, which the user's compiler need not know. */
export type Root = string | { readonly href: string };

type Check = readonly [needs: string, test: (value: unknown) => boolean];

const flag: Check = ["true or false", (value) => typeof value === "boolean"];
const callable: Check = ["a function", (value) => typeof value === "function"];

const checks: { readonly [K in keyof MNISTOptions]-?: Check } = {
  train: flag,
  transform: callable,
  targetTransform: callable,
  download: flag,
  mirrors: ["a list of at least one address", isList],
  progress: [
    "true, false, or an object with start, advance and stop",
    (value) => typeof value === "boolean" || ["start", "advance", "stop"].every((name) => has(value, name)),
  ],
  source: ["an object with read(name), or a Map", (value) => has(value, "read") || has(value, "get")],
  signal: ["an AbortSignal", (value) => has(value, "throwIfAborted")],
};

/** Whether a call's first argument is its options already. */
export function isRoot(value: unknown): value is Root | undefined {
  return (
    value === undefined || typeof value === "string" || (typeof value === "object" && value !== null && "href" in value)
  );
}

/** @throws TensorError for options that there are not, and for values of another kind */
export function checkOptions(op: string, options: unknown): void {
  if (typeof options !== "object" || options === null) {
    fail(op, `got ${showValue(options)}`, `It takes load(root, options) or load(options): root is a path or a URL`);
  }
  for (const [name, value] of Object.entries(options)) {
    const [needs, test] = Object.hasOwn(checks, name) ? checks[name as keyof typeof checks] : unknown(op, name);
    if (value !== undefined && !test(value)) fail(op, `${name} is ${showValue(value)}, needs ${needs}`);
  }
}

function unknown(op: string, name: string): never {
  return fail(op, `unknown option ${JSON.stringify(name)}`, `It takes ${Object.keys(checks).join(", ")}`);
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}

function has(value: unknown, method: string): boolean {
  return typeof (value as Record<string, unknown> | null)?.[method] === "function";
}
