/** Convolution and its adjoints: calls to the dense kernels. */
import { type Attrs, type Shape, sameShape, sizeOf, type View } from "@dl/tensor";
import {
  type ConvShape,
  convForward,
  convInput,
  convInputOf,
  convWeight,
  convWeightOf,
  outputSize,
  type SparseGradient,
} from "../dense/conv.ts";
import type { FloatName } from "../dense/element.ts";
import { addressOf, type CpuStorage } from "../storage.ts";
import { convert } from "./copy.ts";
import { inFloats } from "./floats.ts";
import type { Kernel, Output } from "./kernel.ts";
import { type Temporaries, withTemporaries } from "./temporary.ts";
import { winnersOf } from "./unpooled.ts";

function shapeOf(x: Shape, weight: Shape, attrs: Attrs<"conv">): ConvShape {
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
  const shape = shapeOf(views[0]!.shape, views[1]!.shape, attrs);
  inFloats("conv", views, out!, (type, [x, w, bias], y) => {
    convForward(type, shape, { x: x!, w: w!, bias: bias ?? 0, y });
  });
};

function wholeShape(gradient: View, { input, kernel, stride, padding, dilation }: ConvShape): Shape {
  const space = input.map((size, i) => outputSize(size, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!));
  return [...gradient.shape.slice(0, 2), ...space];
}

/** What is not zero in a gradient that waits, for the kernels that need no more. */
function sparseGradient(gradient: View, shape: ConvShape): SparseGradient | undefined {
  if (!sameShape(wholeShape(gradient, shape), gradient.shape)) return undefined;
  const winners = winnersOf(gradient);
  if (!winners) return undefined;
  const [address, positions] = [addressOf(winners.values), addressOf(winners.positions)];
  return { address, positions, count: sizeOf(winners.values.shape.slice(2)) };
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

/** A gradient from that of the output and another factor, by one kernel or, where few numbers are not zero, by another. */
interface Adjoint {
  readonly op: string;
  readonly dense: (type: FloatName, shape: ConvShape, gradient: number, factor: number, result: number) => void;
  readonly sparse: typeof convInputOf;
}

function differentiate(
  { op, dense, sparse }: Adjoint,
  [gradient, factor]: readonly View[],
  shape: ConvShape,
  out: Output,
) {
  void (factor!.storage as CpuStorage).block;
  withTemporaries(out, (temporaries) => {
    const few = sparseGradient(gradient!, shape);
    if (few && sparse(few, shape, addressOf(temporaries.rowMajor(factor!, "float32")), out.address)) return;
    void (gradient!.storage as CpuStorage).block;
    inFloats(op, [completed(gradient!, shape, temporaries), factor!], out, (type, [from, by], result) => {
      dense(type, shape, from!, by!, result);
    });
  });
}

const input: Adjoint = {
  op: "convInput",
  dense: (type, shape, gradOutput, w, gradInput) => convInput(type, shape, { gradOutput, w, gradInput }),
  sparse: convInputOf,
};

const weight: Adjoint = {
  op: "convWeight",
  dense: (type, shape, gradOutput, x, gradWeight) => convWeight(type, shape, { x, gradOutput, gradWeight }),
  sparse: convWeightOf,
};

export const convInputKernel: Kernel<"convInput"> = ({ inputs, attrs }, [out]) => {
  const views = inputs as readonly View[];
  differentiate(input, views, shapeOf(attrs.inputShape, views[1]!.shape, attrs), out!);
};

export const convWeightKernel: Kernel<"convWeight"> = ({ inputs, attrs }, [out]) => {
  const views = inputs as readonly View[];
  differentiate(weight, views, shapeOf(views[1]!.shape, attrs.weightShape, attrs), out!);
};
