/**
 * The interface between the library and a device. A backend knows storages and kernels; shapes, dtypes, views, autograd
 * and the checks of the user's input are the library's concern.
 */
import type { DType, TypedArray } from "./dtype.ts";
import type { Attrs, FusedOp, KernelOp } from "./ops/table.ts";
import type { Shape } from "./shape.ts";

/** Memory of one device. The tensors that view it and the tape share it, and count their references to it. */
export abstract class Storage {
  readonly backend: Backend;
  readonly dtype: DType;
  /** The number of elements. */
  readonly length: number;
  /** Counts writes, so that backward notices if a tensor that it has saved was changed since. */
  version = 0;
  #references = 0;

  constructor(backend: Backend, dtype: DType, length: number) {
    this.backend = backend;
    this.dtype = dtype;
    this.length = length;
  }

  /** Whether more than one holder (tensor or tape entry) has a reference. */
  get isShared(): boolean {
    return this.#references > 1;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references === 0) this.free();
  }

  /**
   * Frees the memory, when the last reference is released. Storages that are garbage collected are the backend's
   * concern.
   */
  protected abstract free(): void;
}

export interface TensorMeta {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A strided window on a storage; strides and offset count elements, strides may be 0 or negative. */
export interface View extends TensorMeta {
  readonly storage: Storage;
  readonly strides: Shape;
  readonly offset: number;
}

/** An input of a kernel. Numbers stand for 0-d tensors of the other operands' dtype. */
export type KernelInput = View | number;

/**
 * One call of a kernel. The library has checked and coerced everything: all inputs are on the device, element-wise
 * inputs have the shape of the output and the dtype that the op computes in. `outputs` describes the results, which are
 * row-major. The dimensions of element-wise calls may be permuted: they come in the order in which the operands lie in
 * memory.
 */
export type KernelCall<K extends KernelOp | FusedOp = KernelOp | FusedOp> = {
  [P in K]: {
    readonly op: P;
    readonly inputs: readonly KernelInput[];
    readonly attrs: Attrs<P>;
    readonly outputs: readonly TensorMeta[];
  };
}[K];

export type UpdateRule =
  | "sgd"
  | "asgd"
  | "rprop"
  | "adam"
  | "rmsprop"
  | "adagrad"
  | "adadelta"
  | "adamax"
  | "nadam"
  | "radam";

/**
 * A step of an optimizer: lists of equal length that are changed in place, first the parameters, then each kind of
 * state.
 */
export interface UpdateCall {
  readonly rule: UpdateRule;
  readonly targets: readonly (readonly View[])[];
  readonly gradients: readonly View[];
  readonly attrs: Readonly<Record<string, number | boolean>>;
}

export interface MemoryReport {
  /**
   * Bytes of all storages that are in use, or unreachable but not found by the garbage collector yet. A storage may
   * take somewhat more bytes than its elements.
   */
  readonly bytes: number;
  /** The number of these storages, and of buffers that kernels keep for themselves. */
  readonly buffers: number;
  /** Bytes held from the system, live or pooled for reuse. */
  readonly reserved: number;
  /** The maximum of `bytes` since the start, or since the last `resetPeakMemoryStats`. */
  readonly peak: number;
}

export interface Backend {
  /** `"cpu"`, `"webgpu"`. */
  readonly device: string;
  readonly dtypes: ReadonlySet<DType>;
  /** Whether there is a kernel for this op. Without one, fused ops are computed in parts, and others throw. */
  supports(op: KernelOp | FusedOp): boolean;
  /** Copies row-major elements to the device. */
  upload(data: TypedArray, dtype: DType): Storage;
  /** Uninitialised memory. */
  allocate(dtype: DType, length: number): Storage;
  /**
   * Runs a kernel and returns its outputs. It need not have computed them yet: a backend may defer calls and fuse them.
   */
  run(call: KernelCall): readonly Storage[];
  /**
   * Runs a kernel with one output and writes that into `target`, which has its shape and dtype. An input may be the
   * same view as `target`; inputs that overlap in any other way have been copied.
   */
  runInto(call: KernelCall, target: View): void;
  /**
   * Optional: steps whole lists of parameters in place. Returns `false` if it has no kernel for the rule or the dtypes.
   */
  update?(call: UpdateCall): boolean;
  /** Copies the elements of a view to the host, row-major. Only this waits for the device. */
  read(view: View): Promise<TypedArray>;
  /** The same, synchronously, where the host can wait. The array is always a new one. */
  readSync?(view: View): TypedArray;
  /**
   * The memory of a storage itself, where the host can address it. Use it at once, and do not write to it unless nobody
   * else has the storage yet.
   */
  hostMemory?(storage: Storage): TypedArray;
  /** Tells the backend that the user gets this memory, and may write to it unnoticed from now on. */
  expose?(storage: Storage): void;
  /** Launches all calls that were deferred. */
  flush?(): void;
  memory(): MemoryReport;
  /** Resets the peak that `memory` reports to the bytes in use now. */
  resetPeak(): void;
  /** Gives the garbage collector its turn if memory pressure is high; otherwise returns `undefined`. */
  reclaim?(): Promise<void> | undefined;
}
