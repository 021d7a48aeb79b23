/**
 * The gradient of max pooling waits as long element-wise results do: all but the few elements that won are zeros, and the
 * gradients of a convolution, as its bias's sum, are made of those few.
 */
import { type Backend, isContiguous, type KernelCall, sameShape, type View } from "@dl/tensor";
import { CpuStorage, type Pending } from "../storage.ts";
import { mayKeep, seen } from "./deferred.ts";
import { maxPoolBackwardKernel } from "./pooling.ts";

/** For each plane: some of its elements, and where they are. All others are zeros; elements of one place add up. */
export interface Winners {
  readonly values: View;
  /** int32 */
  readonly positions: View;
}

class Unpooled implements Pending {
  readonly call: KernelCall<"maxPoolBackward">;
  readonly winners: Winners;
  readonly sources: readonly CpuStorage[];

  constructor(call: KernelCall<"maxPoolBackward">, [values, positions]: readonly [View, View]) {
    this.call = { ...call, inputs: [values, positions] };
    this.winners = { values, positions };
    this.sources = [values, positions].map(({ storage }) => storage as CpuStorage);
  }

  compute(storage: CpuStorage, address: number): void {
    for (const source of this.sources) void source.block;
    maxPoolBackwardKernel(this.call, [{ ...this.call.outputs[0]!, storage, address }]);
  }
}

/** The result of a call with one long output, if it is such a gradient and can wait. No window may miss the input. */
export function unpool(backend: Backend, call: KernelCall, length: number): CpuStorage | undefined {
  if (call.op !== "maxPoolBackward" || call.outputs[0]!.dtype !== "float32") return undefined;
  if (!call.attrs.window?.dilation.every((step) => step === 1)) return undefined;
  const inputs = call.inputs.map(seen) as unknown as readonly [View, View];
  if (!inputs.every((x) => isContiguous(x.shape, x.strides) && mayKeep(x, length))) return undefined;
  return new CpuStorage(backend, "float32", length, new Unpooled(call, inputs));
}

/** What is not zero in `x`, while it waits. */
export function winnersOf({ storage, shape, strides, offset }: View): Winners | undefined {
  const { pending } = storage as CpuStorage;
  if (!(pending instanceof Unpooled && offset === 0 && isContiguous(shape, strides))) return undefined;
  if (!sameShape(shape, pending.call.attrs.inputShape)) return undefined;
  for (const source of pending.sources) void source.block;
  return pending.winners;
}
