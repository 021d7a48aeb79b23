/**
 * The meaning of every kernel, in plain float64 loops: what other backends are compared with, and a backend that needs
 * nothing from its host. Slow on purpose; int64 is exact below 2⁵³ only.
 */
import { type Backend, type KernelCall, type MemoryReport, Storage, type View } from "../../backend.ts";
import { type DType, dtypes, type TypedArray } from "../../dtype.ts";
import { type Attrs, binaryOps, reduceOps, type SoftmaxOp, scanOps, unaryOps } from "../../ops/table.ts";
import { type Shape, sizeOf } from "../../shape.ts";
import { coordinates, flatIndex, linesAlong, load, store } from "./array.ts";
import { channelwise } from "./channels.ts";
import { binary, unary } from "./elementwise.ts";
import { reduce, scan, softmaxes } from "./fold.ts";
import { kernels } from "./kernels.ts";

class HostStorage extends Storage {
  readonly raw: TypedArray;
  constructor(backend: ReferenceBackend, dtype: DType, raw: TypedArray) {
    super(backend, dtype, raw.length);
    this.raw = raw;
    backend.live++;
    backend.bytes += raw.byteLength;
    backend.peak = Math.max(backend.peak, backend.bytes);
  }
  protected override free(): void {
    const backend = this.backend as ReferenceBackend;
    backend.live--;
    backend.bytes -= this.raw.byteLength;
  }
}

export class ReferenceBackend implements Backend {
  readonly device: string;
  readonly dtypes: ReadonlySet<DType> = new Set(Object.keys(dtypes) as DType[]);
  live = 0;
  bytes = 0;
  peak = 0;

  constructor(device = "reference") {
    this.device = device;
  }

  supports(): boolean {
    return true;
  }
  upload(data: TypedArray, dtype: DType): Storage {
    return new HostStorage(this, dtype, data.slice() as TypedArray);
  }
  allocate(dtype: DType, length: number): Storage {
    return new HostStorage(this, dtype, new dtypes[dtype].array(length));
  }
  run(call: KernelCall): readonly Storage[] {
    return compute(call).map((values, i) => {
      const meta = call.outputs[i]!;
      return new HostStorage(this, meta.dtype, store(values, meta));
    });
  }
  runInto(call: KernelCall, target: View): void {
    storeInto(compute(call), [target]);
  }
  read(view: View): Promise<TypedArray> {
    return Promise.resolve(this.readSync(view));
  }
  readSync(view: View): TypedArray {
    const { raw } = view.storage as HostStorage;
    const out = new dtypes[view.dtype].array(sizeOf(view.shape));
    let i = 0;
    for (const at of coordinates(view.shape)) {
      (out as Float64Array)[i++] = raw[flatIndex(at, view.strides, view.offset)] as number;
    }
    return out;
  }
  hostMemory(storage: Storage): TypedArray {
    return (storage as HostStorage).raw;
  }
  memory(): MemoryReport {
    return { bytes: this.bytes, buffers: this.live, reserved: this.bytes, peak: this.peak };
  }
  resetPeak(): void {
    this.peak = this.bytes;
  }
}

/** Writes results into views whose storages show their elements as `raw`. */
export function storeInto(results: readonly (readonly number[])[], outputs: readonly View[]): void {
  outputs.forEach((target, o) => {
    const values = store(results[o]!, target);
    const home = (target.storage as unknown as { readonly raw: Float64Array }).raw;
    let i = 0;
    for (const at of coordinates(target.shape)) {
      home[flatIndex(at, target.strides, target.offset)] = values[i++] as number;
    }
  });
}

/** The data of each output of a call; inputs' storages show their elements as `raw`. */
export function compute(call: KernelCall): number[][] {
  const { op, attrs, outputs } = call;
  const shape = outputs[0]!.shape;
  const inputs = call.inputs.map((input) => load(input, shape));
  const [x, y] = inputs;
  if (op in unaryOps) return [x!.data.map((value) => unary[op as keyof typeof unary](value))];
  if (op in binaryOps) return [x!.data.map((value, i) => binary[op as keyof typeof binary](value, y!.data[i]!))];
  if (op in reduceOps) {
    const lines = linesAlong(x!.shape, (attrs as Attrs<"sum">).dims);
    return [lines.map((line) => reduce[op as keyof typeof reduce](line.map((at) => x!.data[at]!)))];
  }
  if (op in scanOps || op in softmaxes) {
    const { dim } = attrs as { readonly dim: number };
    const step =
      op in scanOps ? scan[op as keyof typeof scan] : (...lines: number[][]) => [softmaxes[op as SoftmaxOp](...lines)];
    return alongDim(
      inputs.map(({ data }) => data),
      x!.shape,
      dim,
      step as (...lines: number[][]) => number[][],
    );
  }
  const kernel = { ...kernels, ...channelwise }[op as keyof typeof kernels] as (
    inputs: readonly unknown[],
    attrs: object,
    outputs: object,
  ) => number[][];
  return kernel(inputs, attrs, outputs);
}

/** Runs `step` on the matching lines of all inputs and puts its lines back. */
function alongDim(
  inputs: readonly number[][],
  shape: Shape,
  dim: number,
  step: (...lines: number[][]) => number[][],
): number[][] {
  const out: number[][] = [];
  for (const line of linesAlong(shape, shape.length === 0 ? [] : [dim])) {
    step(...inputs.map((data) => line.map((at) => data[at]!))).forEach((values, o) => {
      const target = (out[o] ??= new Array<number>(sizeOf(shape)));
      values.forEach((value, i) => {
        target[line[i]!] = value;
      });
    });
  }
  return out;
}
