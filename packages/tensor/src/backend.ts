/** The narrow waist between the library and a device: families of kernels over strided views. */
import type { DType, TypedArray } from "./dtype.ts";
import type { Attrs, FusedOp, KernelOp } from "./ops/table.ts";
import type { Shape } from "./shape.ts";

/** Memory of one device, shared by the tensors that view it and by the tape; counted by them. */
export abstract class Storage {
  readonly backend: Backend;
  readonly dtype: DType;
  /** Elements. */
  readonly length: number;
  /** Counts writes: a saved tensor whose storage changed since must not be used in backward. */
  version = 0;
  #references = 0;

  constructor(backend: Backend, dtype: DType, length: number) {
    this.backend = backend;
    this.dtype = dtype;
    this.length = length;
  }

  /** Whether more than one tensor or tape entry holds it. */
  get isShared(): boolean {
    return this.#references > 1;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references === 0) this.free();
  }

  /** Gives the memory back at once. Called once; storages that become unreachable are the backend's own affair. */
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
 * One call of a kernel. The core has checked everything: devices agree, element-wise inputs are expanded to the
 * output's shape and have the dtype that the op computes in, `outputs` says what to make (row-major). Element-wise calls may
 * come with dimensions in another order than the user's: the one in which the operands lie.
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

/** Lists of equal length, changed in place by one kernel: parameters first, then each kind of optimizer state. */
export interface UpdateCall {
  readonly rule: UpdateRule;
  readonly targets: readonly (readonly View[])[];
  readonly gradients: readonly View[];
  readonly attrs: Readonly<Record<string, number | boolean>>;
}

export interface MemoryReport {
  /** Bytes of storages that live, or were forgotten and not found by the garbage collector yet; with their slack. */
  readonly bytes: number;
  /** Those storages, and what kernels keep for themselves. */
  readonly buffers: number;
  /** Bytes held from the system, live or pooled for reuse. */
  readonly reserved: number;
  /** The most that `bytes` ever was, since the start or the last `resetPeakMemoryStats`. */
  readonly peak: number;
}

export interface Backend {
  /** `"cpu"`, `"webgpu"`. */
  readonly device: string;
  readonly dtypes: ReadonlySet<DType>;
  /** Whether `run` takes this op. Fused ops fall back to their parts, others throw. */
  supports(op: KernelOp | FusedOp): boolean;
  /** Copies row-major elements to the device. */
  upload(data: TypedArray, dtype: DType): Storage;
  /** Uninitialised memory. */
  allocate(dtype: DType, length: number): Storage;
  /** Makes the outputs. Returns at once; may only remember the call. */
  run(call: KernelCall): readonly Storage[];
  /**
   * The same, written into `target` (its shape and dtype are the output's). `target` may be the very same view as an
   * input; any other overlap has been copied away by the core.
   */
  runInto(call: KernelCall, target: View): void;
  /** Optional: one in-place kernel over whole lists of parameters. `false`: not this rule or these dtypes. */
  update?(call: UpdateCall): boolean;
  /** Row-major elements of a view: the only wait. */
  read(view: View): Promise<TypedArray>;
  /** The same where the host can wait. Always a fresh array. */
  readSync?(view: View): TypedArray;
  /** The storage's own memory, where the host can address it: to be used at once, and written only while nobody else knows it. */
  hostMemory?(storage: Storage): TypedArray;
  /** The user gets that memory, and may write it unseen from now on. */
  expose?(storage: Storage): void;
  /** Launches what is pending. */
  flush?(): void;
  memory(): MemoryReport;
  /** Lets the peak that `memory` reports be counted anew. */
  resetPeak(): void;
  /** Yields to the garbage collector when memory pressure asks for it; `undefined` when there is none. */
  reclaim?(): Promise<void> | undefined;
}
