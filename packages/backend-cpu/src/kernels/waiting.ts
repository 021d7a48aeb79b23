/**
 * Deferred calls of operations that are not element-wise. They stay pending because the kernel that reads the result
 * may do both operations in one, or may need only the inputs of the call:
 *
 * - a convolution, for the ReLU or the max pooling behind it;
 * - the gradient of max pooling, which is zero but for one element of each window (the *winners*), for the gradients of
 *   a convolution;
 * - a scatter into zeros and a logSoftmax, for the gradient of a loss of classes (`log-softmax.ts`).
 */
import {
  type Attrs,
  type Backend,
  isContiguous,
  type KernelCall,
  type KernelInput,
  sameShape,
  sizeOf,
  type View,
} from "@dl/tensor";
import { addressOf, CpuStorage, type Pending } from "../storage.ts";
import { deferredInput, isWhole, LONG, mayKeep, snapshot } from "./deferred.ts";
import { areInside, isBlank } from "./indices.ts";
import type { AnyKernel, Output } from "./kernel.ts";
import { viewOf } from "./temporary.ts";

class WaitingCall implements Pending {
  readonly sources: CpuStorage[];
  #call: KernelCall;
  readonly #launch: AnyKernel;

  constructor(call: KernelCall, launch: AnyKernel) {
    this.#call = { ...call, inputs: call.inputs.map(snapshot) } as KernelCall;
    this.sources = this.#call.inputs.map((x) => (x as View).storage as CpuStorage);
    this.#launch = launch;
  }

  get call(): KernelCall {
    return this.#call;
  }

  compute(storage: CpuStorage, address: number): void {
    this.#launch(this.call, [{ ...this.call.outputs[0]!, storage, address }]);
  }

  protected replace(source: CpuStorage, by: CpuStorage): void {
    const replaced = (x: View): View => (x.storage === source ? { ...x, storage: by } : x);
    this.#call = { ...this.#call, inputs: (this.#call.inputs as View[]).map(replaced) } as KernelCall;
    for (const [i, each] of this.sources.entries()) {
      if (each !== source) continue;
      this.sources[i] = by;
      by.retain();
      source.release();
    }
  }
}

/** Convolutions with smaller results are computed at once: deferring costs more than writing and reading those. */
const ENOUGH = 2 ** 11;
/**
 * How many times larger than the result the input of a deferred convolution may be, since the result keeps it alive.
 */
const MOST_KEPT = 8;

/**
 * Weights whose convolutions are not deferred any more. Either a convolution was computed twice, because somebody read
 * its result as well as the ReLU or pooling that it had been fused with; or copying the changing weights costs too
 * much.
 */
const notWorthDeferring = new WeakSet<CpuStorage>();

class WaitingConvolution extends WaitingCall {
  readonly #weight: CpuStorage = this.sources[1]!;
  #wasComputed = false;

  /** Notes that the convolution was computed, by itself or by a kernel that fused it. */
  noteComputed(): void {
    if (this.#wasComputed) notWorthDeferring.add(this.#weight);
    this.#wasComputed = true;
  }

  override compute(storage: CpuStorage, address: number): void {
    super.compute(storage, address);
    this.noteComputed();
  }

  /**
   * Once a kernel has fused the convolution, its own result is hardly needed any more. When an optimizer steps the
   * weights, keeping a copy of the old ones is cheaper than computing that result.
   */
  detach(source: CpuStorage): boolean {
    if (!this.#wasComputed) return false;
    if (2 * source.length > sizeOf(this.call.outputs[0]!.shape)) notWorthDeferring.add(this.#weight);
    this.replace(source, source.copy());
    return true;
  }
}

/**
 * Defers a call with one output of `length` elements; `launch` computes it if need be. `undefined` if it should not
 * wait.
 */
export function deferCall(
  backend: Backend,
  call: KernelCall,
  length: number,
  launch: AnyKernel,
): CpuStorage | undefined {
  if (call.outputs[0]!.dtype !== "float32") return undefined;
  const winners = call.op === "reluBackward" ? winnersBeforeRelu(backend, call) : undefined;
  if (!winners && !mayWait(call, length)) return undefined;
  if (call.op === "scatter") {
    const inputs = (call.inputs as View[]).map(unexposed);
    return new CpuStorage(backend, "float32", length, new WaitingCall({ ...call, inputs }, launch));
  }
  const pending = call.op === "conv" ? new WaitingConvolution(call, launch) : new WaitingCall(winners ?? call, launch);
  return new CpuStorage(backend, "float32", length, pending);
}

/** Defers an in-place ReLU of a convolution that is deferred itself. Returns whether it did. */
export function deferReluInPlace(call: KernelCall<"relu">, target: View, launch: AnyKernel): boolean {
  const storage = target.storage as CpuStorage;
  if ((call.inputs[0] as View).storage !== storage || !waitingCall(target, "conv")) return false;
  storage.settleReaders();
  if (!storage.pending) return false;
  const { shape, strides, offset, dtype } = target;
  storage.replace((before) => {
    return new WaitingCall({ ...call, inputs: [{ storage: before, shape, strides, offset, dtype }] }, launch);
  });
  return true;
}

function mayWait({ op, attrs, inputs }: KernelCall, length: number): boolean {
  const views = inputs as readonly View[];
  if (op === "scatter") return length >= LONG && isOnePerLine(views as readonly [View, View, View], attrs, length);
  if (op === "conv") return mayConvolveLater(views, length);
  if (op === "relu") return waitingCall(views[0]!, "conv") !== undefined;
  if (op === "logSoftmax")
    return length >= LONG && attrs.dim === views[0]!.shape.length - 1 && isKept(views[0]!, length);
  if (op !== "maxPoolBackward" || length < LONG) return false;
  const kept = views.every((x) => isKept(x, length));
  // With dilation a window may lie in the padding altogether. Its gradient goes nowhere, so the sum of the winners
  // would not be the sum of the whole result.
  return kept && (attrs.window?.dilation.every((step) => step === 1) ?? false);
}

const isKept = (x: View, length: number): boolean => isContiguous(x.shape, x.strides) && mayKeep(x, length);

/** A view that the user cannot write: a copy, if its memory is exposed. */
function unexposed(x: View): View {
  const storage = x.storage as CpuStorage;
  return storage.isExposed ? { ...x, storage: storage.copy() } : x;
}

/** How many times smaller than the result the inputs of a deferred scatter must be, since they may be copied. */
const MANY = 16;

/**
 * Whether a scatter puts one number into each line of a tensor of zeros, with all indices in range: this is the
 * gradient of picking the element of a class.
 */
function isOnePerLine(
  [self, index, source]: readonly [View, View, View],
  { dim, reduce, includeSelf }: Attrs<"scatter">,
  length: number,
): boolean {
  const isPlain = reduce === "add" && includeSelf && isBlank(self) && sameShape(source.shape, index.shape);
  if (!isPlain || !index.shape.every((size, d) => size === (d === dim ? 1 : self.shape[d]))) return false;
  const kept = [index, source].every((x) => isContiguous(x.shape, x.strides) && MANY * x.storage.length <= length);
  return kept && areInside(addressOf(index), sizeOf(index.shape), self.shape[dim]!);
}

function mayConvolveLater(views: readonly View[], length: number): boolean {
  const [x, weight] = views.map(({ storage }) => storage as CpuStorage) as [CpuStorage, CpuStorage];
  if (length < ENOUGH || x.length > MOST_KEPT * length || notWorthDeferring.has(weight)) return false;
  return views.every(({ storage }) => !(storage as CpuStorage).isExposed);
}

/** The deferred call that `x` is the whole result of. */
function pendingOf(x: View): WaitingCall | undefined {
  const { pending } = x.storage as CpuStorage;
  return pending instanceof WaitingCall && isWhole(x, pending.call.outputs[0]!.shape) ? pending : undefined;
}

/**
 * Computes pending inputs. Do this before collecting the operands of a kernel: all kernels share the memory for that,
 * so none may start in between.
 */
export function settle(inputs: readonly KernelInput[]): void {
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (typeof x !== "number") void (x.storage as CpuStorage).block;
  }
}

/** The deferred call of `op` that `x` is the whole result of. The inputs of the call are computed. */
export function waitingCall<K extends "conv" | "maxPoolBackward" | "scatter" | "logSoftmax">(
  x: View,
  op: K,
): KernelCall<K> | undefined {
  const pending = pendingOf(x);
  if (pending?.call.op !== op) return undefined;
  for (const source of pending.sources) void source.block;
  return pending.call as KernelCall<K>;
}

/** Call it after a kernel has fused the convolution that `x` is the deferred result of. */
export function noteFused(x: View): void {
  ((x.storage as CpuStorage).pending as WaitingConvolution).noteComputed();
}

/** The input of the deferred ReLU that `x` is the result of. */
export function beforeRelu(x: View): View | undefined {
  const pending = pendingOf(x);
  return pending?.call.op === "relu" ? (pending.call.inputs[0] as View) : deferredInput(x, "relu");
}

/**
 * The winners of the deferred gradient of a max pooling: for each plane some values and their positions; the rest is 0.
 */
export function winnersOf(x: View): readonly [values: View, positions: View] | undefined {
  return waitingCall(x, "maxPoolBackward")?.inputs as readonly [View, View] | undefined;
}

/** The results of pooling a pending tensor. */
interface Pooled {
  readonly values: View;
  readonly version: number;
  readonly positions: CpuStorage;
}

const pooledFrom = new WeakMap<Pending, Pooled>();

/** Remembers the results of pooling `x`, a pending ReLU, for {@link winnersBeforeRelu}. */
export function notePooled(x: View, out: Output, positions: Output): void {
  const { pending } = x.storage as CpuStorage;
  if (!pending) return;
  out.storage.retain();
  pending.sources.push(out.storage);
  const values = viewOf(out);
  pooledFrom.set(pending, { values, version: out.storage.version, positions: positions.storage });
}

/**
 * For a pending ReLU that was max pooled, and the pending gradient of that pooling: the gradient of both together, as a
 * gradient of max pooling with other winners. Only the winners have a gradient, ReLU passes on those above 0, and their
 * values are the results of the pooling; so it is enough to apply `reluBackward` to these.
 */
function winnersBeforeRelu(backend: Backend, { inputs: [gradient, y] }: KernelCall): KernelCall | undefined {
  if (typeof gradient !== "object" || typeof y !== "object") return undefined;
  const { pending } = y.storage as CpuStorage;
  const pooled = pending ? pooledFrom.get(pending) : undefined;
  if (!pooled || !isWhole(y, y.shape)) return undefined;
  const { values, version, positions } = pooled;
  const call = waitingCall(gradient, "maxPoolBackward");
  const isAsItWas = values.storage.version === version && !(values.storage as CpuStorage).isExposed;
  if (!call || (call.inputs[1] as View).storage !== positions || !isAsItWas) return undefined;
  const [winners, places] = call.inputs as readonly [View, View];
  const inputs = [winners, values];
  const [storage] = backend.run({ op: "reluBackward", inputs, attrs: {}, outputs: [values] });
  return { ...call, inputs: [{ ...values, storage: storage! }, places] };
}
