/** Between dtypes, devices and JavaScript values. */
import type { Storage } from "../backend.ts";
import { checkDType, type DType, dtypes, type TypedArray } from "../dtype.ts";
import { fail, inNameOf, showShape } from "../errors.ts";
import { decode } from "../host.ts";
import { getBackend } from "../registry.ts";
import { type Shape, stridesOf } from "../shape.ts";
import { state } from "../state.ts";
import { needTensor, Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import type { Nested } from "./creation.ts";
import { rawData, readNow } from "./reading.ts";
import { isOptions } from "./signature.ts";
import { clone } from "./views.ts";

export interface ToOptions<D extends DType = DType> {
  readonly dtype?: D | undefined;
  readonly device?: string | undefined;
  /** A copy also where nothing changes. */
  readonly copy?: boolean | undefined;
  /** Only for PyTorch's callers: transfers wait. */
  readonly nonBlocking?: boolean | undefined;
}

/** What may follow the target of `to`, in PyTorch's order. */
export type ToRest<D extends DType> =
  | readonly [options?: ToOptions<D>]
  | readonly [nonBlocking: boolean, copy?: boolean | ToOptions<D>]
  | readonly [dtype: D, nonBlocking?: boolean | ToOptions<D>, copy?: boolean];

/**
 * The tensor in another dtype or on another device; itself when nothing changes. Leaving a GPU waits where the host
 * can (Node, workers); elsewhere it throws, and `await x.cpu()` is the way.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.to.html
 * @example
 * tensor([1.7, -1.7]).to("int64"); // tensor([ 1, -1])
 */
export function to<D extends DType>(input: Tensor, dtype: D, ...rest: ToRest<D>): Tensor<D>;
export function to<D extends DType = DType>(
  input: Tensor,
  target: string | Tensor<D> | ToOptions<D>,
  ...rest: ToRest<D>
): Tensor<D>;
export function to(input: Tensor, target: string | Tensor | ToOptions, ...rest: ToRest<DType>): Tensor {
  const { dtype, device, copy } = rest.length === 0 ? parseTarget(target) : parseCall(target, rest);
  const cast = dtype && dtype !== input.dtype ? apply("cast", [input], { dtype }) : input;
  if (device && device !== input.device) return move(cast, device);
  return copy && cast === input ? clone(input) : cast;
}

const options: readonly string[] = ["dtype", "device", "copy", "nonBlocking"] satisfies (keyof ToOptions)[];

function parseCall(target: string | Tensor | ToOptions, rest: ToRest<DType>): ToOptions {
  const items: readonly unknown[] = rest;
  const dtype = items.find((item) => typeof item === "string") as DType | undefined;
  const [, copy] = items.filter((item) => typeof item === "boolean");
  const named = items.find((item) => isOptions(item)) as ToOptions | undefined;
  return { ...parseTarget(target), ...(dtype && { dtype }), copy, ...(named && parseTarget(named)) };
}

function parseTarget(target: string | Tensor | ToOptions): ToOptions {
  if (typeof target === "string")
    return Object.hasOwn(dtypes, target) ? { dtype: target as DType } : { device: target };
  if (target instanceof Tensor) return { dtype: target.dtype, device: target.device };
  if (!isOptions(target)) fail("to", "needs a dtype, a device, a tensor or options");
  const unknown = Object.keys(target).find((key) => !options.includes(key));
  if (unknown !== undefined) fail("to", `unknown option "${unknown}"`, `It takes ${options.join(", ")}`);
  if ((target as ToOptions).dtype) checkDType("to", (target as { dtype: string }).dtype);
  return target;
}

function move(input: Tensor, device: string): Tensor {
  const backend = getBackend(device);
  const raw = readNow(input, "to", "Use await x.cpu()");
  return adopt(input, device, backend.upload(raw, input.dtype));
}

/** A transfer keeps the history: its gradient travels back the other way. */
function adopt(input: Tensor, device: string, storage: Tensor["storage"]): Tensor {
  const made = new Tensor(storage, input.shape, stridesOf(input.shape), 0, input.dtype);
  if (state.gradEnabled && input.requiresGrad) state.recorder?.record("transfer", [input], { device }, [made]);
  return made;
}

/** The tensor on the CPU: the portable way home from a GPU. Keeps the history. */
export async function cpu(input: Tensor): Promise<Tensor> {
  if (input.device === "cpu") return input;
  const raw = await input.backend.read(input);
  return adopt(input, "cpu", getBackend("cpu").upload(raw, input.dtype));
}

/** Row-major elements as a fresh typed array, from any device. 16-bit floats come as their bits, bools as 0 and 1. */
export function data(input: Tensor): Promise<TypedArray> {
  return input.backend.read(input);
}

/**
 * The only element, as a number (a bigint where an int64 is beyond 2⁵³) or a boolean.
 * @throws TensorError for more than one element
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.item.html
 * @example
 * floatTensor([[2.5]]).item(); // 2.5
 */
export function item(input: Tensor): number {
  if (input.numel() !== 1) {
    fail("item", `needs a single element, got shape ${showShape(input.shape)}`, "Reduce it first, or use .toArray()");
  }
  // Typed as the common case; see the docstring for the others.
  return decode(rawData(input, "item"), 0, input.dtype) as number;
}

/** Nested arrays of numbers; a plain number for a 0-d tensor. @see https://pytorch.org/docs/stable/generated/torch.Tensor.tolist.html */
export function toArray(input: Tensor): Nested {
  const raw = rawData(input, "toArray");
  const { shape, dtype } = input;
  const steps = stridesOf(shape);
  const build = (dim: number, start: number): Nested => {
    if (dim === shape.length) return decode(raw, start, dtype);
    const list: Nested[] = [];
    for (let i = 0; i < shape[dim]!; i++) list.push(build(dim + 1, start + i * steps[dim]!));
    return list;
  };
  return build(0, 0);
}

/**
 * {@link toArray} under PyTorch's name.
 * @example
 * tensor([[1, 2], [3, 4]]).tolist(); // [[1, 2], [3, 4]]
 */
export const tolist: typeof toArray = toArray;

/** {@link toArray}, as `JSON.stringify` calls it. */
export const toJSON: typeof toArray = toArray;

/** The fields of npm's `ndarray`. */
export interface NDArray {
  readonly data: TypedArray;
  readonly shape: Shape;
  readonly stride: readonly number[];
  readonly offset: number;
}

/**
 * The tensor's own memory as an n-d array: writing there writes the tensor. int64 is a BigInt64Array.
 *
 * The memory is not used for anything else as long as the array or its `data` is reachable, whatever becomes of the
 * tensor; keep one of them beside what you make of it (`data.subarray(…)`, `data.buffer`). It comes back through the
 * garbage collector only, also where the tensor was disposed: to read values in a loop, take `toArray()` or `data()`.
 * Where memory is not shared between threads (pages that are not cross-origin isolated), it moves when it grows, and
 * earlier views are empty: there read `data` from the array each time, which makes it anew.
 * @throws TensorError for a tensor on a GPU or one that requires grad
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.numpy.html
 */
export function numpy(input: Tensor): NDArray {
  const { backend, storage, shape, strides: stride, offset } = input;
  if (!backend.hostMemory) {
    fail("numpy", `the tensor is on "${backend.device}"`, 'Bring it to the CPU first: x.to("cpu") or await x.cpu()');
  }
  if (input.requiresGrad) fail("numpy", "the tensor requires grad", "Use .detach().numpy()");
  storage.retain(); // and never released: the array's end is the collector's to find
  backend.expose?.(storage);
  const data = lend(storage);
  if (!(data.buffer instanceof ArrayBuffer)) return { data, shape, stride, offset };
  let latest = data;
  return {
    get data(): TypedArray {
      if (latest.length < storage.length) latest = lend(storage);
      return latest;
    },
    shape,
    stride,
    offset,
  };
}

/** The storages of memory that is lent to users, as long as they have it. */
const lenders = new WeakMap<TypedArray, Storage>();

function lend(storage: Storage): TypedArray {
  const data = storage.backend.hostMemory!(storage);
  lenders.set(data, storage);
  return data;
}

/** Whether both have the same shape and elements. @see https://pytorch.org/docs/stable/generated/torch.equal.html */
export function equal(input: Tensor, other: Tensor): boolean {
  needTensor("equal", other);
  if (input.shape.length !== other.shape.length || input.shape.some((size, d) => size !== other.shape[d])) return false;
  return inNameOf("equal", () => Boolean(input.eq(other).all().item()));
}
