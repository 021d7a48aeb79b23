/**
 * Calls that wait, as long element-wise results do, for kernels that can do both their own work and theirs at once, or need
 * only what they would read: a convolution for the max pooling or the ReLU that alone reads it; and the gradient of max
 * pooling, all zeros but for the few elements that won, for the gradients of a convolution.
 */
import { type Backend, isContiguous, type KernelCall, sameShape, type View } from "@dl/tensor";
import { CpuStorage, type Pending } from "../storage.ts";
import { LONG, mayKeep, seen } from "./deferred.ts";
import type { AnyKernel } from "./kernel.ts";

class WaitingCall implements Pending {
  readonly call: KernelCall;
  readonly sources: readonly CpuStorage[];
  readonly #launch: AnyKernel;

  constructor(call: KernelCall, launch: AnyKernel) {
    this.call = call;
    this.sources = call.inputs.map((x) => (x as View).storage as CpuStorage);
    this.#launch = launch;
  }

  compute(storage: CpuStorage, address: number): void {
    this.#launch(this.call, [{ ...this.call.outputs[0]!, storage, address }]);
  }
}

/** The result of a call with one output of `length` elements, if it should wait until `launch` is needed. */
export function waitFor(backend: Backend, call: KernelCall, length: number, launch: AnyKernel): CpuStorage | undefined {
  if (call.outputs[0]!.dtype !== "float32" || !mayWait(call, length)) return undefined;
  const inputs = call.inputs.map(seen);
  return new CpuStorage(backend, "float32", length, new WaitingCall({ ...call, inputs } as KernelCall, launch));
}

/** Windows that miss the input give nothing: a sum of what is not zero would count them. */
function mayWait({ op, attrs, inputs }: KernelCall, length: number): boolean {
  if (op === "conv") return attrs.awaited === true;
  if (op !== "maxPoolBackward" || length < LONG) return false;
  const views = inputs as readonly View[];
  const kept = views.every((x) => isContiguous(x.shape, x.strides) && mayKeep(x, length));
  return kept && (attrs.window?.dilation.every((step) => step === 1) ?? false);
}

/** The call of `op` that a whole tensor waits for; what it reads waits no more. */
export function waitingCall<K extends "conv" | "maxPoolBackward">(x: View, op: K): KernelCall<K> | undefined {
  const { pending } = x.storage as CpuStorage;
  if (!(pending instanceof WaitingCall && pending.call.op === op)) return undefined;
  const isWhole = x.offset === 0 && sameShape(x.shape, pending.call.outputs[0]!.shape);
  if (!isWhole || !isContiguous(x.shape, x.strides)) return undefined;
  for (const source of pending.sources) void source.block;
  return pending.call as KernelCall<K>;
}

/** Whether something waits for this call alone. */
export function isAwaited({ op, inputs }: KernelCall): boolean {
  return op === "relu" && waitingCall(inputs[0] as View, "conv") !== undefined;
}

/** For each plane of a gradient that waits: some of its elements, and where they are. All others are zeros. */
export function winnersOf(x: View): readonly [values: View, positions: View] | undefined {
  return waitingCall(x, "maxPoolBackward")?.inputs as readonly [View, View] | undefined;
}
