/** Turns what a pickle describes into plain data: first plans of tensors, then tensors once their memory is known. */
import { type DType, dtypes, fromArray, type Tensor } from "@dl/tensor";
import type { Name } from "./pickle.ts";
import { PickleError } from "./reader.ts";

/** The memory that some tensors share. In the old file format its bytes follow after the pickle. */
export interface Memory {
  readonly dtype: DType;
  readonly size: number;
  bytes?: Uint8Array | undefined;
  /** All of the memory as one tensor, while tensors are made from it. */
  flat?: Tensor;
}

/** The description of a tensor in a pickle. */
export class Plan {
  readonly memory: Memory;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly requiresGrad: boolean;

  constructor(memory: unknown, offset: unknown, shape: unknown, strides: unknown, requiresGrad: unknown) {
    const sizes = [shape, strides].every((list) => Array.isArray(list) && list.every(isSize));
    if (!isMemory(memory) || !isSize(offset) || !sizes) throw new PickleError("describes a tensor wrongly");
    this.memory = memory;
    this.offset = offset;
    this.shape = shape as number[];
    this.strides = strides as number[];
    this.requiresGrad = requiresGrad === true;
  }
}

export const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isMemory = (value: unknown): value is Memory => Object.hasOwn(Object(value), "dtype");

/** Turns the value of a pickle into plain data. An object that occurs in two places becomes one object again. */
export class Plain {
  readonly #done = new Map<unknown, unknown>();

  of(value: unknown): unknown {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    if (this.#done.has(value)) return this.#done.get(value);
    if (value instanceof Plan) return this.#keep(value, made(value));
    if (Array.isArray(value)) {
      const list: unknown[] = this.#keep(value, []);
      for (const item of value) list.push(this.of(item));
      return list;
    }
    return value instanceof Map ? this.#object(value) : named(value);
  }

  #keep<T>(value: unknown, result: T): T {
    this.#done.set(value, result);
    return result;
  }

  #object(map: ReadonlyMap<unknown, unknown>): object {
    const object = this.#keep(map, {});
    for (const [key, item] of map) {
      if (typeof key !== "string" && !Number.isSafeInteger(key)) {
        throw new PickleError(`has a dictionary with the key ${String(key)}, and objects have text and whole numbers`);
      }
      if (Object.hasOwn(object, key as string)) throw new PickleError(`has the keys ${key} and "${key}" side by side`);
      const attributes = { value: this.of(item), configurable: true, enumerable: true, writable: true };
      Object.defineProperty(object, key as string, attributes);
    }
    return object;
  }
}

/** The dtype that a Python name stands for; all other names are no data. */
function named(value: object): string {
  const { python } = value as Partial<Name>;
  const dtype = python?.replace(/^torch\./, "");
  if (dtype !== undefined && Object.hasOwn(dtypes, dtype)) return dtype;
  throw new PickleError(`holds ${python ?? "a storage without a tensor"}, which is no plain data`);
}

function made({ memory, shape, strides, offset, requiresGrad }: Plan): Tensor {
  memory.flat ??= flatOf(memory);
  const tensor = memory.flat.asStrided(shape, strides, offset).detach();
  if (requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

function flatOf({ dtype, size, bytes }: Memory): Tensor {
  const length = size * dtypes[dtype].bytes;
  if (!bytes || bytes.length < length) throw new PickleError("is cut short");
  // A copy, since elements need not be aligned in the file.
  const { buffer } = new Uint8Array(bytes.subarray(0, length));
  return fromArray(new dtypes[dtype].array(buffer, 0, size), [size], { dtype, device: "cpu" });
}
