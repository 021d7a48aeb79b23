/** Convolution and its adjoints: calls to the dense kernels. */
import { type Attrs, isContiguous, type KernelCall, type Shape, sameShape, sizeOf, type View } from "@dl/tensor";
import { type ConvForward, type ConvShape, convForward, convInput, convWeight, outputSize } from "../dense/conv.ts";
import { addressOf, type CpuStorage } from "../storage.ts";
import { convert } from "./copy.ts";
import { inFloats } from "./floats.ts";
import type { Kernel, Output } from "./kernel.ts";
import { pointwise } from "./pointwise.ts";
import { type Temporaries, withTemporaries } from "./temporary.ts";
import { noteFused, waitingCall, winnersOf } from "./waiting.ts";

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

/** Where the packed or transformed form of the weights is kept; only for weights that are a whole storage. */
function keeperOf(weight: View): Factors["keep"] {
  const { storage, shape, strides, offset, dtype } = weight;
  if (dtype !== "float32" || offset !== 0 || !isContiguous(shape, strides)) return undefined;
  return (key) => (storage as CpuStorage).prepared(key);
}

/** The operands of a convolution. */
export type Factors = Omit<ConvForward, "y">;

/**
 * If `x` is a deferred convolution, lets `run` compute it together with the operation that reads `x`. Returns whether
 * that was done: `run` returns false where it cannot.
 */
export function fuseConvolution(x: View, out: Output, run: (shape: ConvShape, factors: Factors) => boolean): boolean {
  const call = waitingCall(x, "conv");
  if (!call) return false;
  const views = call.inputs as readonly View[];
  const shape = convShapeOf(views[0]!.shape, views[1]!.shape, call.attrs);
  const isDone = withTemporaries(out, (temporaries) => {
    const [x, w, bias = 0] = views.map((view) => addressOf(temporaries.rowMajor(view))) as [number, number, number?];
    return run(shape, { x, w, bias, keep: keeperOf(views[1]!) });
  });
  if (isDone) noteFused(x);
  return isDone;
}

/** ReLU, fused with the deferred convolution that it reads, if any. */
export const reluKernel: Kernel<"relu"> = (call, outputs) => {
  const [x] = call.inputs as readonly [View];
  const [out] = outputs as readonly [Output];
  const isDone = fuseConvolution(x, out, (shape, factors) => {
    if (out.strides && !isContiguous(out.shape, out.strides)) return false;
    convForward("f32", shape, { ...factors, y: out.address, relu: true });
    return true;
  });
  if (isDone) return;
  void (x.storage as CpuStorage).block;
  pointwise.relu(call, outputs);
};

/** The shape of all outputs of a convolution. */
function wholeShape(gradient: View, { input, kernel, stride, padding, dilation }: ConvShape): Shape {
  const space = input.map((size, i) => outputSize(size, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!));
  return [...gradient.shape.slice(0, 2), ...space];
}

/**
 * The gradient with zeros appended up to the shape of all outputs. In a transposed convolution with output padding, the
 * last outputs may have no gradient.
 */
function completed(gradient: View, shape: ConvShape, temporaries: Temporaries): View {
  const whole = wholeShape(gradient, shape);
  if (sameShape(whole, gradient.shape)) return gradient;
  const result = temporaries.make(whole, gradient.dtype);
  result.storage.raw.fill(0 as never);
  convert(gradient, { ...result, shape: gradient.shape });
  return result;
}

/**
 * Computes the gradient of the input or of the weights, from that of the output and the other factor. If the former is
 * the deferred gradient of a max pooling, only its winners are used where that is faster.
 */
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
