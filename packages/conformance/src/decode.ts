/** Recorded values as the library's: tensors by reference, dtypes by name, tuples and lists as arrays. */
import { type DType, dtypes, fromArray, getBackend, type Tensor, type TypedArray } from "@dl/tensor";
import { mismatch, unsupported } from "./outcome.ts";
import type { ModuleValue, TensorRef, TensorSpec, Value } from "./records.ts";

/** Makes the modules that arguments may hold; given by the family that knows modules. */
export type BuildModule = (value: ModuleValue, table: Table) => unknown;

/** A record's tensors: one handle for one number, so that aliases stay aliases. */
export class Table {
  readonly device: string;
  readonly specs: readonly TensorSpec[];
  readonly #made = new Map<number, Tensor>();
  readonly #build: BuildModule | undefined;

  constructor(specs: readonly TensorSpec[], device: string, build?: BuildModule) {
    this.specs = specs;
    this.device = device;
    this.#build = build;
  }

  spec(ref: TensorRef): TensorSpec {
    return this.specs[ref.$t] ?? mismatch(`tensor ${ref.$t}`, "the record has no such tensor");
  }

  tensor(ref: TensorRef | number): Tensor {
    const index = typeof ref === "number" ? ref : ref.$t;
    const found = this.#made.get(index) ?? makeTensor(this.spec({ $t: index }), this.device);
    this.#made.set(index, found);
    return found;
  }

  value(value: Value): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    return this.#tagged(value as Exclude<Value, readonly Value[] | null | boolean | number | string>);
  }

  #tagged(value: Exclude<Value, readonly Value[] | null | boolean | number | string>): unknown {
    if ("$t" in value) return this.tensor(value);
    if ("float" in value) return floatOf(value.float);
    if ("tuple" in value) return value.tuple.map((item) => this.value(item));
    if ("dict" in value) return Object.fromEntries(value.dict.map(([key, item]) => [String(key), this.value(item)]));
    if ("dtype" in value) return knownDType(value.dtype);
    if ("device" in value) return this.device;
    if ("module" in value) return this.#build?.(value, this) ?? unsupported("modules as arguments");
    return unsupported(`a value ${JSON.stringify(value)}`);
  }
}

export function floatOf(value: number | "nan" | "inf" | "-inf"): number {
  if (typeof value === "number") return value;
  return value === "nan" ? Number.NaN : value === "inf" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

export function knownDType(name: string): DType {
  return Object.hasOwn(dtypes, name) ? (name as DType) : unsupported(`dtype ${name}`);
}

/** Raw elements of a recorded tensor, or nothing where only dtype and shape were recorded. */
export function rawOf(spec: TensorSpec): TypedArray | undefined {
  if (spec.b64 === undefined || spec.random) return undefined;
  const bytes = Buffer.from(spec.b64, "base64");
  const { array, bytes: width } = dtypes[knownDType(spec.dtype)];
  const copy = new Uint8Array(bytes).buffer;
  return new array(copy, 0, bytes.length / width);
}

/** A leaf with the recorded elements, and with the recorded strides where they were not row-major. */
export function makeTensor(spec: TensorSpec, device: string): Tensor {
  const dtype = knownDType(spec.dtype);
  if (!getBackend(device).dtypes.has(dtype)) unsupported(`${dtype} on ${device}`);
  const raw = rawOf(spec) ?? unsupported("an input without elements");
  const made = spec.strides ? strided(raw, spec, dtype, device) : fromArray(raw, spec.shape, { dtype, device });
  if (spec.requires_grad) made.requiresGrad = true;
  return made;
}

/** Elements at their places in a storage that is otherwise NaN (zero for whole numbers). */
function strided(raw: TypedArray, spec: TensorSpec, dtype: DType, device: string): Tensor {
  const { shape, strides = [], offset = 0 } = spec;
  const length = shape.reduce((sum, size, dim) => sum + Math.max(size - 1, 0) * strides[dim]!, offset + 1);
  const storage = new dtypes[dtype].array(length);
  if (storage instanceof Float32Array || storage instanceof Float64Array) storage.fill(Number.NaN);
  if (storage instanceof Uint16Array) storage.fill(0x7fff);
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < raw.length; i++) {
    const place = at.reduce((sum, index, dim) => sum + index * strides[dim]!, offset);
    (storage as Float64Array)[place] = raw[i] as number;
    for (let dim = shape.length - 1; dim >= 0 && ++at[dim]! === shape[dim]; dim--) at[dim] = 0;
  }
  return fromArray(storage, [length], { dtype, device }).asStrided(shape, strides, offset).detach();
}
