/** The tensor: a strided view on a storage, and its place in the recorded graph. Its operations are in ops/. */
import type { Backend, Storage, View } from "./backend.ts";
import "./dispose.ts";
import { type DType, isFloat } from "./dtype.ts";
import { fail, showShape, showValue, TensorError } from "./errors.ts";
import { dropGradient, holdGradient } from "./gradients.ts";
import type { Methods } from "./methods.ts";
import { type Arguments, readArguments } from "./ops/signature.ts";
import { type GradNode, needRecorder } from "./recorder.ts";
import { isContiguous, normalizeDim, type Shape, sameShape, sizeOf } from "./shape.ts";
import { state } from "./state.ts";

export interface Tensor<D extends DType = DType> extends Methods<D> {}

/** What a hook may do to a gradient: look, or replace it. */
export type GradHook = (grad: Tensor) => Tensor | undefined | void;

const backwardCall = { name: "backward", names: ["gradient", "retainGraph", "createGraph", "inputs"] } as const;
export type BackwardArguments = [
  gradient?: Tensor | null,
  retainGraph?: boolean | null,
  createGraph?: boolean,
  inputs?: readonly Tensor[] | null,
];

/**
 * An n-dimensional array of numbers on a device. It is made by {@link tensor}, {@link floatTensor}, {@link zeros},
 * {@link rand} and friends, never by `new`. Every function of tensors is a method, too: `x.matmul(y)` is `matmul(x, y)`. Methods
 * whose names end in `_` change the tensor itself; the others give a new tensor, or a view that shares its memory (`view`,
 * `transpose`, `at` with slices).
 *
 * `D` is the dtype, if the compiler knows it: `Tensor<"float32">`; a plain `Tensor` may have any.
 *
 * Read elements with `item()` (of a single one), `toArray()` (nested lists), `numpy()` (a typed array over the same memory), or from
 * any device `await x.data()`.
 * @throws TensorError by every operation: for shapes, dtypes or devices that do not fit, and after {@link dispose}
 * @see https://pytorch.org/docs/stable/tensors.html
 * @example
 * const x = floatTensor([[1, 2], [3, 4]], { requiresGrad: true });
 * x.shape; // [2, 2]
 * x.detach().at(0); // tensor([1., 2.])
 * x.mul(2).sum().backward(); // needs @dl/autograd
 * x.grad; // tensor([[2., 2.], [2., 2.]])
 */
export class Tensor<D extends DType = DType> implements View {
  /** Sizes of the dimensions: `const [rows, columns] = x.shape`. */
  readonly shape: Shape;
  /** How many elements lie from one position to the next, for each dimension. */
  readonly strides: Shape;
  /** Elements between the storage's start and the first element. */
  readonly offset: number;
  /** The type of the elements: `"float32"`, `"int64"`… */
  readonly dtype: D;
  /** @internal Survives scopes: parameters, gradients, optimizer state. */
  kept = false;
  /** @internal Of how many tensors it is the gradient, if nothing else keeps it. */
  holders = 0;
  /** @internal Functions that make a changed copy of it may change it instead. */
  isTarget = false;
  /** @internal The tensor that this one is a differentiable view of. */
  base: Tensor | null = null;
  /** @internal Rises whenever in-place work gives this tensor a new history. */
  history = 0;
  /** @internal The base's `history` when this view's own was made. */
  baseHistory = 0;
  /** @internal Which output of its node this tensor is. */
  outputIndex = 0;
  /** @internal */
  retainsGrad = false;
  /** @internal A leaf's hooks; those of results are their node's. */
  hooks: GradHook[] | null = null;
  /** @internal Where recorded calls send a leaf's gradient. */
  accumulator: GradNode | null = null;
  #storage: Storage | null;
  #grad: Tensor<D> | null = null;
  #node: GradNode | null = null;
  #requiresGrad = false;
  #disposedAt: string | undefined;

  /** @internal */
  constructor(storage: Storage, shape: Shape, strides: Shape, offset: number, dtype: D) {
    this.#storage = storage;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.dtype = dtype;
    storage.retain();
    if (state.scope !== null) state.scope.push(this as never);
  }

  /** @throws TensorError after {@link dispose} */
  get storage(): Storage {
    return this.#storage ?? failDisposed(this.#disposedAt);
  }

  /** The backend that computes with this tensor. */
  get backend(): Backend {
    return this.storage.backend;
  }

  /** The device where the tensor lives: `"cpu"`, `"webgpu"`. */
  get device(): string {
    return this.storage.backend.device;
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }

  /** @internal The call that made this tensor. */
  get node(): GradNode | null {
    if (this.base !== null && this.base.history !== this.baseHistory) state.recorder?.refreshView(this as never);
    return this.#node;
  }
  set node(node: GradNode | null) {
    const before = this.#node;
    this.#node = node;
    if (node === before || this.#storage === null) return;
    node?.hold();
    before?.drop();
  }

  /** The gradient that backward accumulated here, or `null`. What is set must have the shape and the dtype of the tensor. */
  get grad(): Tensor<D> | null {
    return this.#grad;
  }
  set grad(grad: Tensor<D> | null) {
    if (grad && (grad.dtype !== this.dtype || !sameShape(grad.shape, this.shape))) {
      fail("grad", `needs ${this.dtype} ${showShape(this.shape)}, got ${grad.dtype} ${showShape(grad.shape)}`);
    }
    const before = this.#grad;
    this.#grad = grad;
    holdGradient(grad as never);
    dropGradient(before as never);
  }

  /** The recorded call that made this tensor, `null` for leaves. */
  get gradFn(): GradNode | null {
    return this.node;
  }

  /** Whether backward reaches this tensor. Setting it is for leaves of a float dtype. */
  get requiresGrad(): boolean {
    return this.node !== null || this.#requiresGrad;
  }
  set requiresGrad(value: boolean) {
    if (value && !isFloat(this.dtype)) {
      fail("requiresGrad", `only float tensors can require gradients, got ${this.dtype}`, 'Cast with .to("float32")');
    }
    if (!value && this.node !== null) {
      fail("requiresGrad", "this tensor is the result of a recorded op", "Use .detach() for a tensor without history");
    }
    this.#requiresGrad = value;
  }

  /** Whether the user made it, rather than a recorded op. */
  get isLeaf(): boolean {
    return this.node === null;
  }

  /** Sets {@link requiresGrad}. @see https://pytorch.org/docs/stable/generated/torch.Tensor.requires_grad_.html */
  requiresGrad_(value = true): this {
    this.requiresGrad = value;
    return this;
  }

  /** Number of elements. */
  numel(): number {
    return sizeOf(this.shape);
  }

  /** Number of dimensions, as {@link ndim}. */
  dim(): number {
    return this.shape.length;
  }

  /** The shape, or the size of one dimension. */
  size(): Shape;
  size(dim: number): number;
  size(dim?: number): Shape | number {
    return dim === undefined ? this.shape : (this.shape[normalizeDim("size", dim, this.ndim)] ?? failScalar("size"));
  }

  /** {@link strides}, or that of one dimension. */
  stride(): Shape;
  stride(dim: number): number;
  stride(dim?: number): Shape | number {
    return dim === undefined
      ? this.strides
      : (this.strides[normalizeDim("stride", dim, this.ndim)] ?? failScalar("stride"));
  }

  /** {@link offset} under PyTorch's name. */
  storageOffset(): number {
    return this.offset;
  }

  /** Whether the elements lie in memory row after row, without gaps. */
  isContiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /** Whether the dtype is a float one. */
  isFloatingPoint(): boolean {
    return isFloat(this.dtype);
  }

  /**
   * Accumulates the gradient of this tensor into the leaves it was computed from.
   * The `gradient` has its shape, and may be left out for a single element; `retainGraph`, `createGraph` and `inputs` are
   * those of {@link BackwardOptions}.
   * @see https://pytorch.org/docs/stable/generated/torch.Tensor.backward.html
   * @example ones(2, { requiresGrad: true }).sum().backward({ retainGraph: true });
   */
  backward(...args: Arguments<typeof backwardCall.names, BackwardArguments>): void {
    const [gradient = null, retainGraph, createGraph, inputs] = readArguments<BackwardArguments>(backwardCall, args);
    needRecorder("backward").backward([this as never], [gradient], { retainGraph, createGraph, inputs });
  }

  /** Keeps the gradient of a tensor that is no leaf in `.grad`. */
  retainGrad(): void {
    if (!this.requiresGrad) fail("retainGrad", "this tensor does not require grad");
    if (this.node === null) return;
    this.retainsGrad = true;
    needRecorder("retainGrad").retainGrad(this as never);
  }

  /** Calls `hook` with the gradient when backward reaches this tensor. The result removes it. */
  registerHook(hook: GradHook): { remove(): void } {
    if (!this.requiresGrad) fail("registerHook", "this tensor does not require grad");
    const hooks = needRecorder("registerHook").hooksOf(this as never);
    hooks.push(hook);
    return { remove: () => void (hooks.includes(hook) && hooks.splice(hooks.indexOf(hook), 1)) };
  }

  /** Frees this tensor's share of the memory at once; other views, and what autograd saved, keep theirs. Using it afterwards is an error. */
  dispose(): void {
    const storage = this.#storage;
    if (storage === null) return;
    this.#storage = null;
    if (state.traceDisposal) this.#disposedAt = new Error("disposed").stack;
    storage.release();
    this.#node?.drop();
    if (this.#grad !== null) this.grad = null;
  }

  /** Whether {@link dispose} was called. */
  get isDisposed(): boolean {
    return this.#storage === null;
  }

  /** {@link dispose}, at the end of the block of `using x = …`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Takes over another tensor's memory and dtype and stays itself: how a parameter changes its device. */
  adopt(source: Tensor): void {
    const before = this.storage;
    source.storage.retain();
    this.#storage = source.storage;
    Object.assign(this, { shape: source.shape, strides: source.strides, offset: source.offset, dtype: source.dtype });
    before.release();
  }

  /** @internal Lets a tensor outlive the scope it was made in. */
  keep(): this {
    this.kept = true;
    return this;
  }
}

function failDisposed(at: string | undefined): never {
  throw new TensorError(
    `dispose: this tensor was disposed${at ? `:\n${at}` : " (setTraceDisposal(true) remembers where)"}. ` +
      "Return it from its scope, write it into a tensor from outside with copy_(), or clone() what is disposed by hand",
  );
}

function failScalar(op: string): never {
  return fail(op, "a 0-d tensor has no dimensions");
}

/** Makes using a disposed tensor say where it was disposed; slow, for debugging. */
export function setTraceDisposal(enabled: boolean): void {
  state.traceDisposal = enabled;
}

/** Whether a value is a tensor. @see https://pytorch.org/docs/stable/generated/torch.is_tensor.html */
export function isTensor(value: unknown): value is Tensor {
  if (value instanceof Tensor) return true;
  if (typeof value === "object" && value !== null && brand in value) failCopies();
  return false;
}

/** What tensors of every copy of this package have. */
const brand: unique symbol = Symbol.for("@dl/tensor Tensor") as never;
Object.defineProperty(Tensor.prototype, brand, { value: true });

function failCopies(): never {
  throw new TensorError(
    "@dl/tensor: it is loaded twice in this program, and tensors of the two copies do not mix. " +
      "Deduplicate @dl/tensor in your dependency tree",
  );
}

/** @throws TensorError for what is no tensor, as plain JavaScript may give it */
export function needTensor(op: string, value: unknown): void {
  if (!isTensor(value)) fail(op, `needs a tensor, got ${showValue(value)}`, "Make it one with tensor(…)");
}
