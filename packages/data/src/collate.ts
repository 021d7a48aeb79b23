/** From a list of samples to one batch: tensors are stacked, numbers become a tensor, lists and objects keep their form. */
import {
  type DType,
  fail,
  fromArray,
  isFloat,
  isTensor,
  type Scalar,
  sameShape,
  showShape,
  showValue,
  stack,
  type Tensor,
  type TypedArray,
  tensor,
} from "@dl/tensor";

/** What {@link defaultCollate} makes of samples of type `T`. */
export type Collated<T> = unknown extends T
  ? unknown
  : T extends Tensor<infer D>
    ? Tensor<D>
    : T extends number | bigint | boolean | TypedArray
      ? Tensor<DType>
      : T extends string
        ? string[]
        : T extends object
          ? { -readonly [K in keyof T]: Collated<T[K]> }
          : never;

type Kind = "tensor" | "number" | "boolean" | "string" | "typed array" | "list" | "object";

/** What the numbers at each place of a batch became. */
type Known = Map<string, DType>;

/** How samples of one kind join. `place` names where in the sample they stand. */
const joiners: { readonly [K in Kind]: (items: readonly never[], place: string, known: Known) => unknown } = {
  tensor: joinTensors,
  number: joinNumbers,
  boolean: joinNumbers,
  string: (items: readonly string[]) => [...items],
  "typed array": (items: readonly TypedArray[], place) =>
    joinTensors(
      items.map((item) => fromArray(item, [item.length])),
      place,
    ),
  list: (items: readonly (readonly unknown[])[], place, known) => {
    const wrong = items.findIndex(({ length }) => length !== items[0]!.length);
    if (wrong > 0) {
      fail(
        "defaultCollate",
        `sample ${wrong}${place} has ${items[wrong]!.length} elements where sample 0 has ${items[0]!.length}`,
        "Make all samples alike, or pass a collateFn",
      );
    }
    return items[0]!.map((_, i) =>
      join(
        items.map((item) => item[i]),
        `${place}[${i}]`,
        known,
      ),
    );
  },
  object: (items: readonly Readonly<Record<string, unknown>>[], place, known) => {
    const keys = Object.keys(items[0]!);
    return Object.fromEntries(
      keys.map((key) => [
        key,
        join(
          items.map((item) => item[key]),
          `${place}.${key}`,
          known,
        ),
      ]),
    );
  },
};

function joinTensors(items: readonly Tensor[], place: string): Tensor {
  const { shape } = items[0]!;
  const wrong = items.findIndex((item) => !sameShape(item.shape, shape));
  if (wrong > 0) {
    const got = `sample ${wrong}${place} is of shape ${showShape(items[wrong]!.shape)}`;
    const remedy = "Pad or resize them, or pass a collateFn";
    fail("defaultCollate", `${got} where sample 0 is of ${showShape(shape)}`, remedy);
  }
  return stack(items);
}

/** Whole numbers follow where fractions went before. */
function joinNumbers(items: readonly Scalar[], place: string, known: Known): Tensor {
  const batch = tensor(items);
  const before = known.get(place) ?? batch.dtype;
  known.set(place, before);
  if (batch.dtype === before) return batch;
  if (batch.dtype !== "int64" || !isFloat(before)) {
    const got = `the numbers${place && ` at ${place}`} made ${before} batches so far, these make ${batch.dtype}`;
    fail(
      "defaultCollate",
      got,
      "Let the data set give tensors with a dtype, such as floatTensor([x]), or pass a collateFn",
    );
  }
  batch.dispose();
  return tensor(items, { dtype: before });
}

/**
 * Joins samples into a batch along a new first dimension. Numbers become int64 where all are whole, as `tensor` does
 * it; give tensors where the dtype must not depend on the values.
 * @throws TensorError for samples that differ in kind or shape, and for kinds that do not join
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.default_collate
 * @example
 * defaultCollate([{ x: 1, name: "a" }, { x: 2, name: "b" }]); // { x: tensor([1, 2]), name: ["a", "b"] }
 */
export function defaultCollate<T>(samples: readonly T[]): Collated<T> {
  return collate(samples, new Map());
}

/**
 * A {@link defaultCollate} that remembers: numbers that became floats stay floats in the batches to come, all whole or not.
 * Loaders join samples with one; so may a `getBatch`.
 * @throws TensorError where the numbers of earlier batches were whole, and those of this one are not
 * @example
 * const collate = steadyCollate();
 * collate([1.5, 2]); // tensor([1.5000, 2.0000])
 * collate([3, 4]); // tensor([3., 4.])
 */
export function steadyCollate(): typeof defaultCollate {
  const known: Known = new Map();
  return (samples) => collate(samples, known);
}

function collate<T>(samples: readonly T[], known: Known): Collated<T> {
  if (!Array.isArray(samples)) fail("defaultCollate", `needs a list of samples, got ${showValue(samples)}`);
  if (samples.length === 0) fail("defaultCollate", "needs at least one sample, got none");
  return join(samples, "", known) as Collated<T>;
}

function join(items: readonly unknown[], place: string, known: Known): unknown {
  const kinds = items.map(kindOf);
  const [kind] = kinds;
  const wrong = kinds.findIndex((other) => other !== kind);
  if (wrong > 0) {
    const [got, needed] = [describe(items[wrong]), describe(items[0])];
    fail("defaultCollate", `sample ${wrong}${place} is ${got} where sample 0 is ${needed}`, "Make all samples alike");
  }
  if (kind === undefined) {
    fail(
      "defaultCollate",
      `cannot join samples that are ${describe(items[0])}${place && ` (at ${place})`}`,
      "Turn them into tensors (a transform such as ToTensor does), or pass a collateFn",
    );
  }
  return joiners[kind](items as readonly never[], place, known);
}

function kindOf(value: unknown): Kind | undefined {
  if (isTensor(value)) return "tensor";
  if (Array.isArray(value)) return "list";
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? undefined : "typed array";
  if (typeof value === "number" || typeof value === "bigint") return "number";
  if (typeof value === "boolean" || typeof value === "string") return typeof value as "boolean" | "string";
  return isPlain(value) ? "object" : undefined;
}

export function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  const kind = kindOf(value);
  if (kind) return kind === "object" ? "an object" : `a ${kind}`;
  return showValue(value);
}

/** The batch with every tensor in it on `device`. */
export function toDevice<B>(batch: B, device: string): B {
  if (isTensor(batch)) return batch.to(device) as B;
  if (Array.isArray(batch)) return batch.map((item) => toDevice(item, device)) as B;
  if (!isPlain(batch)) return batch;
  return Object.fromEntries(Object.entries(batch as object).map(([key, item]) => [key, toDevice(item, device)])) as B;
}
