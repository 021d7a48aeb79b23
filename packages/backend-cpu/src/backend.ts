/** The CPU device: allocates the outputs, finds the kernel's row, runs it before `run` returns. */
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
import { settle, waitFor, waitInPlace } from "./kernels/waiting.ts";
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
    // No kernel runs yet: whoever needs memory still has its block.
    if (memory.isFelt) memory.findForgotten();
    if (call.outputs.length !== 1) return this.#runAll(call);
    const { shape, dtype } = call.outputs[0]!;
    const length = sizeOf(shape);
    const isLong = length >= LONG;
    const mayWait = (isLong && length < 2 ** 32) || call.op === "conv" || call.op === "relu"; // counted in 32 bits
    if (mayWait && length * dtypes[dtype].bytes <= memory.limit && !isReplaced(call.op)) {
      const waiting = waitFor(this, call, length, launch) ?? (isLong ? waitLonger(this, call, length) : undefined);
      if (waiting) return [waiting];
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
    if (call.op === "relu" && !isReplaced("relu") && waitInPlace(call, target, launch)) return;
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

  /** The values of now; who waits for them lets what was forgotten be found, where that is due. */
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

/** Frees what nobody has got yet. */
function discard(storage: CpuStorage): void {
  storage.retain();
  storage.release();
}

function waitLonger(backend: Backend, call: KernelCall, length: number): CpuStorage | undefined {
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
  if (!patient.has(call.op)) settle(call.inputs);
  kernel(call, outputs);
}

/** Ops whose kernels see for themselves what their input waits for. */
const patient: ReadonlySet<string> = new Set([
  ...["relu", "maxPool", "convInput", "convWeight", "gather"],
  ...Object.keys(softmaxes),
  ...Object.keys(folds),
]);

/** Ops that begin with what their first input holds: it may be the target. */
const placing: ReadonlySet<string> = new Set(["scatter", "indexAdd", "indexCopy"]);

/** Whether a kernel may write `target` while it reads its inputs. */
function isFreeFor({ op, inputs }: KernelCall, target: View): boolean {
  const read = placing.has(op) ? inputs.slice(1) : inputs;
  const shared = read.some((input) => typeof input !== "number" && input.storage === target.storage);
  return !shared && isContiguous(target.shape, target.strides);
}

/** The device `"cpu"`. */
export const cpu: Backend = new CpuBackend();
