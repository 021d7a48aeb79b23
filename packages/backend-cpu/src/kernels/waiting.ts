/**
 * Calls that wait, as long element-wise results do, for kernels that can do both their own work and theirs at once, or need
 * only what they would read: a convolution for a ReLU or max pooling behind it; and the gradient of max pooling, all zeros
 * but for the few elements that won, for the gradients of a convolution.
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
import { LONG, mayKeep, seen, waitingSource } from "./deferred.ts";
import { areInside, isBlank } from "./indices.ts";
import type { AnyKernel, Output } from "./kernel.ts";
import { viewOf } from "./temporary.ts";

class WaitingCall implements Pending {
  readonly sources: CpuStorage[];
  #call: KernelCall;
  readonly #launch: AnyKernel;

  constructor(call: KernelCall, launch: AnyKernel) {
    this.#call = { ...call, inputs: call.inputs.map(seen) } as KernelCall;
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

/** Elements from which a convolution waits: to wait costs more than to write and read fewer. */
const ENOUGH = 2 ** 11;
/** How many times as many elements its input may have: a result that is kept keeps it too. */
const MOST_KEPT = 8;

/**
 * Weights whose convolutions wait no more: they were computed twice, because somebody read both the result and what a ReLU or
 * a pooling made of it; or the weights are many, and change.
 */
const impatient = new WeakSet<CpuStorage>();

class WaitingConvolution extends WaitingCall {
  readonly #weight: CpuStorage = this.sources[1]!;
  #served = false;

  /** Notes that it was computed, for somebody else or for itself. */
  serve(): void {
    if (this.#served) impatient.add(this.#weight);
    this.#served = true;
  }

  override compute(storage: CpuStorage, address: number): void {
    super.compute(storage, address);
    this.serve();
  }

  /** Who has served is hardly needed again: a copy of the weights, which an optimizer steps, costs less than the result. */
  leave(source: CpuStorage): boolean {
    if (!this.#served) return false;
    if (2 * source.length > sizeOf(this.call.outputs[0]!.shape)) impatient.add(this.#weight);
    this.replace(source, source.copy());
    return true;
  }
}

/** The result of a call with one output of `length` elements, if it should wait until `launch` is needed. */
export function waitFor(backend: Backend, call: KernelCall, length: number, launch: AnyKernel): CpuStorage | undefined {
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

/** Whether `target`, which waits for a convolution, waits for its ReLU instead. */
export function waitInPlace(call: KernelCall<"relu">, target: View, launch: AnyKernel): boolean {
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
  if (op === "scatter") return length >= LONG && isLone(views as readonly [View, View, View], attrs, length);
  if (op === "conv") return mayConvolveLater(views, length);
  if (op === "relu") return waitingCall(views[0]!, "conv") !== undefined;
  if (op === "logSoftmax")
    return length >= LONG && attrs.dim === views[0]!.shape.length - 1 && isKept(views[0]!, length);
  if (op !== "maxPoolBackward" || length < LONG) return false;
  const kept = views.every((x) => isKept(x, length));
  // Windows that miss the input give nothing: a sum of what is not zero would count them.
  return kept && (attrs.window?.dilation.every((step) => step === 1) ?? false);
}

const isKept = (x: View, length: number): boolean => isContiguous(x.shape, x.strides) && mayKeep(x, length);

/** What the user may write meanwhile is copied, where that costs little. */
function unexposed(x: View): View {
  const storage = x.storage as CpuStorage;
  return storage.isExposed ? { ...x, storage: storage.copy() } : x;
}

/** How many times as many elements the lines have as storages that may be copied. */
const MANY = 16;

/** Whether each line of zeros gets one number, which fails nowhere: the gradient of picking a class. */
function isLone(
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
  if (length < ENOUGH || x.length > MOST_KEPT * length || impatient.has(weight)) return false;
  return views.every(({ storage }) => !(storage as CpuStorage).isExposed);
}

/** What the whole of a tensor waits for. */
function pendingOf(x: View): WaitingCall | undefined {
  const { pending } = x.storage as CpuStorage;
  if (!(pending instanceof WaitingCall) || x.offset !== 0) return undefined;
  return sameShape(x.shape, pending.call.outputs[0]!.shape) && isContiguous(x.shape, x.strides) ? pending : undefined;
}

/** Kernels share their places for operands: none may start while another one collects its own. */
export function settle(inputs: readonly KernelInput[]): void {
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (typeof x !== "number") void (x.storage as CpuStorage).block;
  }
}

/** The call of `op` that a whole tensor waits for; what it reads waits no more. */
export function waitingCall<K extends "conv" | "maxPoolBackward" | "scatter" | "logSoftmax">(
  x: View,
  op: K,
): KernelCall<K> | undefined {
  const pending = pendingOf(x);
  if (pending?.call.op !== op) return undefined;
  for (const source of pending.sources) void source.block;
  return pending.call as KernelCall<K>;
}

/** To be called by who has computed the convolution that `x` waits for, to go on with it. */
export function served(x: View): void {
  ((x.storage as CpuStorage).pending as WaitingConvolution).serve();
}

/** What `x` is the ReLU of, if it waits for that. */
export function beforeRelu(x: View): View | undefined {
  const pending = pendingOf(x);
  return pending?.call.op === "relu" ? (pending.call.inputs[0] as View) : waitingSource(x, "relu");
}

/** For each plane of a gradient that waits: some of its elements, and where they are. All others are zeros. */
export function winnersOf(x: View): readonly [values: View, positions: View] | undefined {
  return waitingCall(x, "maxPoolBackward")?.inputs as readonly [View, View] | undefined;
}

/** What was pooled from something that waits. */
interface Pooled {
  readonly values: View;
  readonly version: number;
  readonly positions: CpuStorage;
}

const pooledFrom = new WeakMap<Pending, Pooled>();

/** Notes what max pooling made of `x`, a ReLU that waits and may never be needed itself. */
export function notePooled(x: View, out: Output, positions: Output): void {
  const { pending } = x.storage as CpuStorage;
  if (!pending) return;
  out.storage.retain();
  pending.sources.push(out.storage);
  const values = viewOf(out);
  pooledFrom.set(pending, { values, version: out.storage.version, positions: positions.storage });
}

/**
 * Where a ReLU that waits was pooled, and the gradient of that pooling waits: ReLU passes on the gradients of those winners
 * that are above 0, and they are the pooled values.
 */
function winnersBeforeRelu(backend: Backend, { inputs: [gradient, y] }: KernelCall): KernelCall | undefined {
  if (typeof gradient !== "object" || typeof y !== "object") return undefined;
  const { pending } = y.storage as CpuStorage;
  const pooled = pending ? pooledFrom.get(pending) : undefined;
  if (!pooled || y.offset !== 0 || !isContiguous(y.shape, y.strides)) return undefined;
  const { values, version, positions } = pooled;
  const call = waitingCall(gradient, "maxPoolBackward");
  const isAsItWas = values.storage.version === version && !(values.storage as CpuStorage).isExposed;
  if (!call || (call.inputs[1] as View).storage !== positions || !isAsItWas) return undefined;
  const [winners, places] = call.inputs as readonly [View, View];
  const inputs = [winners, values];
  const [storage] = backend.run({ op: "reluBackward", inputs, attrs: {}, outputs: [values] });
  return { ...call, inputs: [{ ...values, storage: storage! }, places] };
}
