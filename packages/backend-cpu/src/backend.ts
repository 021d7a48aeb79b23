/** The CPU device: allocates the outputs, finds the kernel's row, runs it before `run` returns. */
import {
  type Backend,
  type DType,
  dtypes,
  isContiguous,
  type KernelCall,
  type MemoryReport,
  type Storage,
  sizeOf,
  stridesOf,
  type TensorMeta,
  type TypedArray,
  type View,
} from "@dl/tensor";
import { compute, storeInto } from "@dl/tensor/testing";
import { type AnyArrayKernel, arrayKernels } from "./kernels/index.ts";
import { memory } from "./runtime/index.ts";
import { CpuStorage } from "./storage.ts";

class CpuBackend implements Backend {
  readonly device = "cpu";
  readonly dtypes: ReadonlySet<DType> = new Set(Object.keys(dtypes) as DType[]);

  supports(): boolean {
    return true;
  }

  upload(data: TypedArray, dtype: DType): Storage {
    const storage = new CpuStorage(this, dtype, data.length);
    storage.raw.set(data as never);
    return storage;
  }

  allocate(dtype: DType, length: number): Storage {
    return new CpuStorage(this, dtype, length);
  }

  run(call: KernelCall): readonly Storage[] {
    const outputs = call.outputs.map((meta) => this.#fresh(meta));
    this.#launch(call, outputs);
    return outputs.map(({ storage }) => storage);
  }

  runInto(call: KernelCall, target: View): void {
    if (!(call.op in arrayKernels) || isContiguous(target.shape, target.strides)) return this.#launch(call, [target]);
    const [storage] = this.run(call);
    const result: View = { ...call.outputs[0]!, storage: storage!, strides: stridesOf(target.shape), offset: 0 };
    this.#launch({ op: "copy", inputs: [result], attrs: {}, outputs: call.outputs }, [target]);
  }

  read(view: View): Promise<TypedArray> {
    return Promise.resolve(this.readSync(view));
  }

  readSync(view: View): TypedArray {
    const dense = this.#dense(view);
    const raw = (dense.storage as CpuStorage).raw;
    return raw.slice(dense.offset, dense.offset + sizeOf(view.shape)) as TypedArray;
  }

  hostMemory(storage: Storage): TypedArray {
    return (storage as CpuStorage).raw;
  }

  memory(): MemoryReport {
    const { live, blocks, reserved } = memory.statistics();
    return { bytes: live, buffers: blocks, reserved };
  }

  reclaim(): Promise<void> | undefined {
    return memory.needsReclaim() ? memory.reclaim() : undefined;
  }

  #fresh({ shape, dtype }: TensorMeta): View {
    const storage = new CpuStorage(this, dtype, sizeOf(shape));
    return { storage, shape, dtype, strides: stridesOf(shape), offset: 0 };
  }

  /** The view itself where it lies row-major, else a row-major copy. */
  #dense(view: View): View {
    if (isContiguous(view.shape, view.strides)) return view;
    const copy = this.#fresh(view);
    this.#launch({ op: "copy", inputs: [view], attrs: {}, outputs: [copy] }, [copy]);
    return copy;
  }

  #launch(call: KernelCall, outputs: readonly View[]): void {
    const kernel = (arrayKernels as unknown as Readonly<Record<string, AnyArrayKernel>>)[call.op];
    if (kernel) this.#overArrays(kernel, call, outputs);
    else storeInto(compute(call), outputs);
  }

  #overArrays(kernel: AnyArrayKernel, call: KernelCall, outputs: readonly View[]): void {
    const arrays = call.inputs.map((input) => arrayOf(this.#dense(input as View)));
    (kernel as (inputs: unknown, attrs: unknown, outputs: unknown) => void)(arrays, call.attrs, outputs.map(arrayOf));
  }
}

function arrayOf(view: View): { shape: readonly number[]; dtype: DType; data: TypedArray } {
  const { raw } = view.storage as CpuStorage;
  const data = raw.subarray(view.offset, view.offset + sizeOf(view.shape)) as TypedArray;
  return { shape: view.shape, dtype: view.dtype, data };
}

/** The device `"cpu"`. */
export const cpu: Backend = new CpuBackend();

