/** Convolution and its adjoints: calls to the dense kernels. */
import { type Attrs, isContiguous, type KernelCall, type Shape, sameShape, sizeOf, type View } from "@dl/tensor";
import { type ConvForward, type ConvShape, convForward, convInput, convWeight, outputSize } from "../dense/conv.ts";
import { addressOf, type CpuStorage } from "../storage.ts";
import { convert } from "./copy.ts";
import { inFloats } from "./floats.ts";
import type { Kernel, Output } from "./kernel.ts";
import { pointwise } from "./pointwise.ts";
import { type Temporaries, withTemporaries } from "./temporary.ts";
import { served, waitingCall, winnersOf } from "./waiting.ts";

function convShapeOf(x: Shape, weight: Shape, attrs: Attrs<"conv">): ConvShape {
  return {
    batch: x[0]!,
    inChannels: x[1]!,
    outChannels: weight[0]!,
    groups: attrs.groups,
    input: x.slice(2),
    kernel: weight.slice(2),
    stride: attrs.stride,
    padding: attrs.padding.map((size) => [size, size] as const),
    dilation: attrs.dilation,
  };
}

export const conv: Kernel<"conv"> = ({ inputs, attrs }, [out]) => {
  const views = inputs as readonly View[];
  const shape = convShapeOf(views[0]!.shape, views[1]!.shape, attrs);
  inFloats("conv", views, out!, (type, [x, w, bias], y) => {
    convForward(type, shape, { x: x!, w: w!, bias: bias ?? 0, y, keep: keeperOf(views[1]!) });
  });
};

/** Weights as they lie in memory may be kept as a convolution prepares them. */
function keeperOf(weight: View): Factors["keep"] {
  const { storage, shape, strides, offset, dtype } = weight;
  if (dtype !== "float32" || offset !== 0 || !isContiguous(shape, strides)) return undefined;
  return (key) => (storage as CpuStorage).prepared(key);
}

/** What a convolution reads. */
export type Factors = Omit<ConvForward, "y">;

/** Convolves what waits for that, to go on with the result: false if `run` says so, or if nothing waits. */
export function convolveAwaited(x: View, out: Output, run: (shape: ConvShape, factors: Factors) => boolean): boolean {
  const call = waitingCall(x, "conv");
  if (!call) return false;
  const views = call.inputs as readonly View[];
  const shape = convShapeOf(views[0]!.shape, views[1]!.shape, call.attrs);
  const isDone = withTemporaries(out, (temporaries) => {
    const [x, w, bias = 0] = views.map((view) => addressOf(temporaries.rowMajor(view))) as [number, number, number?];
    return run(shape, { x, w, bias, keep: keeperOf(views[1]!) });
  });
  if (isDone) served(x);
  return isDone;
}

/** A convolution that waits for this is done with it. */
export const reluKernel: Kernel<"relu"> = (call, outputs) => {
  const [x] = call.inputs as readonly [View];
  const [out] = outputs as readonly [Output];
  const isDone = convolveAwaited(x, out, (shape, factors) => {
    if (out.strides && !isContiguous(out.shape, out.strides)) return false;
    convForward("f32", shape, { ...factors, y: out.address, relu: true });
    return true;
  });
  if (isDone) return;
  void (x.storage as CpuStorage).block;
  pointwise.relu(call, outputs);
};

function wholeShape(gradient: View, { input, kernel, stride, padding, dilation }: ConvShape): Shape {
  const space = input.map((size, i) => outputSize(size, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!));
  return [...gradient.shape.slice(0, 2), ...space];
}

/**
 * The gradient of all that the convolution gives. That of a transposed convolution with output padding may lack the last
 * places; they count as zeros.
 */
function completed(gradient: View, shape: ConvShape, temporaries: Temporaries): View {
  const whole = wholeShape(gradient, shape);
  if (sameShape(whole, gradient.shape)) return gradient;
  const result = temporaries.make(whole, gradient.dtype);
  result.storage.raw.fill(0 as never);
  convert(gradient, { ...result, shape: gradient.shape });
  return result;
}

/** A gradient from that of the output, or from what is not zero in it while it waits, and from another factor. */
function differentiate(run: typeof convInput, { op, inputs }: KernelCall, shape: ConvShape, out: Output): void {
  const [gradient, by] = inputs as readonly [View, View];
  void (by.storage as CpuStorage).block;
  const winners = sameShape(wholeShape(gradient, shape), gradient.shape) ? winnersOf(gradient) : undefined;
  withTemporaries(out, (temporaries) => {
    if (winners) {
      const [gradOutput, positions] = winners.map(addressOf) as [number, number];
      const count = sizeOf(winners[0].shape.slice(2));
      const factor = addressOf(temporaries.rowMajor(by, "float32"));
      if (run("f32", shape, { gradOutput, positions, count, factor, result: out.address })) return;
    }
    void (gradient.storage as CpuStorage).block;
    const views = [completed(gradient, shape, temporaries), by];
    inFloats(op, views, out, (type, [gradOutput, factor], result) => {
      run(type, shape, { gradOutput: gradOutput!, factor: factor!, result });
    });
  });
}

export const convInputKernel: Kernel<"convInput"> = (call, [out]) => {
  const [, weight] = call.inputs as readonly View[];
  differentiate(convInput, call, convShapeOf(call.attrs.inputShape, weight!.shape, call.attrs), out!);
};

export const convWeightKernel: Kernel<"convWeight"> = (call, [out]) => {
  const [, x] = call.inputs as readonly View[];
  differentiate(convWeight, call, convShapeOf(x!.shape, call.attrs.weightShape, call.attrs), out!);
};
