/**
 * The CPU device. A call is either deferred, which leaves its output pending (see `storage.ts`), or computed at once:
 * memory for the outputs is allocated and the kernel of the op is run before `run` returns.
 */
import {
  type Backend,
  type DType,
  dtypes,
  fail,
  isContiguous,
  type KernelCall,
  type MemoryReport,
  type Storage,
  sizeOf,
  type TypedArray,
  type UpdateCall,
  type View,
} from "@dl/tensor";
import { convert } from "./kernels/copy.ts";
import { computeInto, defer, deferInto, LONG, runFused } from "./kernels/deferred.ts";
import { inPlaceKernels } from "./kernels/index.ts";
import type { Output } from "./kernels/kernel.ts";
import { isReplaced, rows } from "./kernels/native.ts";
import { addParts, deferParts } from "./kernels/parts.ts";
import { folds } from "./kernels/reduce.ts";
import { softmaxes } from "./kernels/softmax.ts";
import { withTemporaries } from "./kernels/temporary.ts";
import { update } from "./kernels/update.ts";
import { deferCall, deferReluInPlace, settle } from "./kernels/waiting.ts";
import { memory } from "./runtime/index.ts";
import { addressOf, CpuStorage } from "./storage.ts";

class CpuBackend implements Backend {
  readonly device = "cpu";
  readonly dtypes: ReadonlySet<DType> = new Set(Object.keys(dtypes) as DType[]);

  supports(op: string): boolean {
    return rows.has(op);
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
    // Safe here, since no kernel is running that holds addresses of memory.
    if (memory.isFelt) memory.findForgotten();
    if (call.outputs.length !== 1) return this.#runAll(call);
    const { shape, dtype } = call.outputs[0]!;
    const length = sizeOf(shape);
    const isLong = length >= LONG;
    const mayDefer = (isLong && length < 2 ** 32) || call.op === "conv" || call.op === "relu"; // kernels count to 2³²
    if (mayDefer && length * dtypes[dtype].bytes <= memory.limit && !isReplaced(call.op)) {
      const pending = deferCall(this, call, length, launch) ?? (isLong ? deferLong(this, call, length) : undefined);
      if (pending) return [pending];
    }
    const storage = new CpuStorage(this, dtype, length);
    try {
      launch(call, [{ storage, address: storage.block.address, shape, dtype }]);
    } catch (error) {
      discard(storage);
      throw error;
    }
    return [storage];
  }

  runInto(call: KernelCall, target: View): void {
    if (call.op === "relu" && !isReplaced("relu") && deferReluInPlace(call, target, launch)) return;
    if (!isReplaced(call.op) && (addParts(call, target) || deferInto(call, target))) return;
    const { shape, dtype, strides } = target;
    const output: Output = { storage: target.storage as CpuStorage, address: addressOf(target), shape, dtype, strides };
    if (!isReplaced(call.op) && computeInto(call, target, output)) return;
    output.storage.settleReaders();
    if (!isReplaced(call.op) && runFused(call, output)) return;
    if (call.op in inPlaceKernels || isFreeFor(call, target)) launch(call, [output]);
    else {
      withTemporaries(target, (temporaries) => {
        const result = temporaries.make(shape, dtype);
        launch(call, [result]);
        convert(result, output);
      });
    }
  }

  update(call: UpdateCall): boolean {
    for (const list of call.targets) for (const { storage } of list) (storage as CpuStorage).settleReaders();
    return update(call);
  }

  /** Copies the values at once. The promise only gives the garbage collector its turn, if that is due. */
  async read(view: View): Promise<TypedArray> {
    const values = this.readSync(view);
    await this.reclaim();
    return values;
  }

  readSync(view: View): TypedArray {
    return withTemporaries(view, (temporaries) => {
      const { storage, shape, offset } = temporaries.rowMajor(view);
      return (storage as CpuStorage).raw.slice(offset, offset + sizeOf(shape)) as TypedArray;
    });
  }

  hostMemory(storage: Storage): TypedArray {
    return (storage as CpuStorage).raw;
  }

  expose(storage: Storage): void {
    (storage as CpuStorage).expose();
  }

  memory(): MemoryReport {
    const { live, blocks, reserved, peak } = memory.statistics();
    return { bytes: live, buffers: blocks, reserved, peak };
  }

  resetPeak(): void {
    memory.resetPeak();
  }

  reclaim(): Promise<void> | undefined {
    return memory.pressure.relieve();
  }

  #runAll(call: KernelCall): readonly Storage[] {
    const storages: CpuStorage[] = [];
    try {
      const outputs = call.outputs.map(({ shape, dtype }): Output => {
        const storage = new CpuStorage(this, dtype, sizeOf(shape));
        storages.push(storage);
        return { storage, address: storage.block.address, shape, dtype };
      });
      launch(call, outputs);
      return storages;
    } catch (error) {
      storages.forEach(discard);
      throw error;
    }
  }
}

/** Frees a new storage that nobody holds yet. */
function discard(storage: CpuStorage): void {
  storage.retain();
  storage.release();
}

function deferLong(backend: Backend, call: KernelCall, length: number): CpuStorage | undefined {
  return deferParts(backend, call, length) ?? defer(backend, call, length);
}

function launch(call: KernelCall, outputs: readonly Output[]): void {
  const kernel = rows.get(call.op);
  if (!kernel)
    fail(
      call.op,
      "the device cpu has no kernel for it",
      "Use versions of @dl/tensor and @dl/backend-cpu that go together",
    );
  if (!takesPending.has(call.op)) settle(call.inputs);
  kernel(call, outputs);
}

/** Ops whose kernels handle pending inputs themselves, and may fuse with them. */
const takesPending: ReadonlySet<string> = new Set([
  ...["relu", "maxPool", "convInput", "convWeight", "gather"],
  ...Object.keys(softmaxes),
  ...Object.keys(folds),
]);

/** Ops whose output starts as a copy of their first input, which may therefore be the target itself. */
const placing: ReadonlySet<string> = new Set(["scatter", "indexAdd", "indexCopy"]);

/** Whether a kernel may write straight into `target`: no input that it reads on the way lies there. */
function isFreeFor({ op, inputs }: KernelCall, target: View): boolean {
  const read = placing.has(op) ? inputs.slice(1) : inputs;
  const shared = read.some((input) => typeof input !== "number" && input.storage === target.storage);
  return !shared && isContiguous(target.shape, target.strides);
}

/** The device `"cpu"`. */
export const cpu: Backend = new CpuBackend();
