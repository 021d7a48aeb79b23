/**
 * Operations that read a deferred `logSoftmax` along packed lines. An element of it is x − highest − log Σ e^(x −
 * highest), so two numbers for each line (the *totals*) and the input x are enough to compute any of its elements. That
 * serves readers that need few elements: `gather` in a loss of classes, the gradient of that loss, and the maximum of
 * each line. The whole logSoftmax is then never written.
 */
import { type KernelInput, sizeOf, type View } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf, CpuStorage, type Pending } from "../storage.ts";
import { Elementwise } from "./elementwise.ts";
import { constant, type Node, sub } from "./expression.ts";
import { gather as pick, scatter } from "./indexing.ts";
import type { Kernel } from "./kernel.ts";
import { lines } from "./softmax-lines.ts";
import { buildSoftmax } from "./softmax-loops.ts";
import { viewOf } from "./temporary.ts";
import { settle, waitingCall } from "./waiting.ts";

/** `gather` computes single elements where it picks at most one in so many. */
const FEW = 16;

const floats = (count: number) => new Array<"float32">(count).fill("float32");
/** The tree of an element of logSoftmax. */
const elementTree = ([x, highest, total]: readonly Node[]): Node =>
  lines.logSoftmax.output([x!], [highest!, total!], sub(x!, highest!));
/** The tree of the gradient of x at a place where that of logSoftmax is 0; `sum` is that of the line's gradient. */
const slopeTree = (y: Node, sum: Node): Node => lines.logSoftmaxBackward.output([constant("f32", 0), y], [sum], y);
const elements = new Elementwise("logSoftmax of lines", floats(3), "float32", (...xs) => elementTree(xs));
const slopes = new Elementwise("logSoftmaxBackward alone", floats(2), "float32", (y, sum) => slopeTree(y!, sum!));
const slopesFromInput = new Elementwise("logSoftmaxBackward of lines", floats(4), "float32", (...xs) =>
  slopeTree(elementTree(xs), xs[3]!),
);

/** The maximum of a line, where x is the highest element: 0 − total. */
const below = new Elementwise("below 0", ["float32"], "float32", (total) => sub(constant("f32", 0), total!));

/** For each line its highest element and the logarithm of its sum, interleaved; by the pending logSoftmax. */
const totals = new WeakMap<Pending, CpuStorage>();

/** Computes the totals of a pending logSoftmax of `x`, which keeps them. */
function totalsOf(x: View, pending: Pending): CpuStorage {
  const size = x.shape.at(-1)!;
  const units = sizeOf(x.shape) / size;
  const found = new CpuStorage(x.storage.backend, "float32", 2 * units);
  const key = "logSoftmax  float32 nothing";
  engine.module(key, (m) => buildSoftmax(m, { name: "logSoftmax", dtype: "float32", keeping: "nothing" }));
  const [from, to] = [addressOf(x), found.block.address];
  threads.parallel(key, "totals", Math.min(units, 64), [units, from, from, to, size, 1, 0]);
  found.retain();
  pending.sources.push(found);
  totals.set(pending, found);
  return found;
}

/** The totals of each line, as two views of the shape of `x`. */
function along({ shape, strides, dtype }: View, storage: CpuStorage): readonly [highest: View, total: View] {
  const size = shape.at(-1)!;
  const steps = strides.map((stride, dim) => (dim === shape.length - 1 ? 0 : (2 * stride) / size));
  const view = (offset: number): View => ({ storage, shape, strides: steps, offset, dtype });
  return [view(0), view(1)];
}

/** The operands of {@link elementTree}, if `y` is a deferred logSoftmax. */
function partsOf(y: View): readonly [x: View, highest: View, total: View] | undefined {
  const call = waitingCall(y, "logSoftmax");
  if (!call) return undefined;
  const x = call.inputs[0] as View;
  const pending = (y.storage as CpuStorage).pending!;
  return [x, ...along(x, totals.get(pending) ?? totalsOf(x, pending))];
}

const shaped = (x: KernelInput, shape: View["shape"]): KernelInput => (typeof x === "number" ? x : { ...x, shape });

export const gather: Kernel<"gather"> = (call, [out]) => {
  const [y, index] = call.inputs as readonly [View, View];
  // First of all: a pending index may depend on y, and computing it may compute y, which releases the parts.
  settle([index]);
  const isAlong = (y.storage as CpuStorage).pending !== null && call.attrs.dim === y.shape.length - 1;
  const parts = isAlong && FEW * sizeOf(index.shape) <= sizeOf(y.shape) ? partsOf(y) : undefined;
  if (!parts) settle([y]);
  pick(parts ? { ...call, inputs: [parts[0], index] } : call, [out!]);
  if (parts) elements.launch([viewOf(out!), ...parts.slice(1).map((x) => shaped(x, out!.shape))], out!);
};

/** Wraps the kernel of `amax`: the maximum of each line of logSoftmax follows from the totals alone. */
export const amax =
  (kernel: Kernel<"amax">): Kernel<"amax"> =>
  (call, [out]) => {
    const y = call.inputs[0] as View;
    const { dims } = call.attrs;
    const [, , total] = (dims.length === 1 && dims[0] === y.shape.length - 1 && partsOf(y)) || [];
    const { shape } = out!;
    if (total) below.launch([{ ...total, shape, strides: total.strides.slice(0, shape.length) }], out!);
    else kernel(call, [out!]);
  };

/** Wraps the kernel of `logSoftmax`: with the totals at hand, one element-wise pass is left. */
export const logSoftmax =
  (kernel: Kernel<"logSoftmax">): Kernel<"logSoftmax"> =>
  (call, [out]) => {
    const { pending } = out!.storage;
    const known = pending && totals.get(pending);
    const x = call.inputs[0] as View;
    if (known) elements.launch([x, ...along(x, known)], out!);
    else kernel(call, [out!]);
  };

/**
 * Wraps the kernel of `logSoftmaxBackward`: where the gradient is a deferred scatter of one number into each line, that
 * number is the sum of the line. So the gradient of x is written as if the incoming one were 0, and the numbers are
 * added.
 */
export const logSoftmaxBackward =
  (kernel: Kernel<"logSoftmaxBackward">): Kernel<"logSoftmaxBackward"> =>
  (call, [out]) => {
    const [gradient, y] = call.inputs as readonly [View, View];
    const { dim } = call.attrs;
    const scattered = waitingCall(gradient, "scatter");
    if (scattered?.attrs.dim !== dim) {
      kernel(call, [out!]);
      return;
    }
    const parts = dim === y.shape.length - 1 ? partsOf(y) : undefined;
    if (!parts) settle([y]);
    const [, index, numbers] = scattered.inputs as readonly [View, View, View];
    const sums = { ...numbers, shape: out!.shape, strides: numbers.strides.with(dim, 0) };
    if (parts) slopesFromInput.launch([...parts, sums], out!);
    else slopes.launch([y, sums], out!);
    scatter({ ...scattered, inputs: [viewOf(out!), index, numbers] }, [out!]);
  };
