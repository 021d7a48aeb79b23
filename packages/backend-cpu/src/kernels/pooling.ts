/** Pooling: calls to the dense kernels, whose positions are int32. */
import { type Attrs, type Shape, sizeOf, type View } from "@dl/tensor";
import { type ConvShape, convMaxPool } from "../dense/conv.ts";
import { maxPool, maxPoolBackward, type PoolShape } from "../dense/pool.ts";
import { addressOf, type CpuStorage } from "../storage.ts";
import { type Factors, fuseConvolution } from "./convolution.ts";
import { inFloats } from "./floats.ts";
import type { Kernel } from "./kernel.ts";
import { beforeRelu, notePooled } from "./waiting.ts";

/** Written out field by field: spreading objects takes longer than a small kernel. */
function shapeOf(x: Shape, { kernel, stride, padding, dilation, ceilMode, adaptive }: Attrs<"maxPool">): PoolShape {
  const lead = x.length - kernel.length;
  let planes = 1;
  for (let i = 0; i < lead; i++) planes *= x[i]!;
  return { planes, input: x.slice(lead), kernel, stride, padding, dilation, ceilMode, adaptive };
}

/** Max pooling, fused with the deferred ReLU and convolution that it reads, if any. Those stay pending. */
export const maxPoolKernel: Kernel<"maxPool"> = ({ inputs, attrs }, [out, positions]) => {
  const [given] = inputs as readonly [View];
  const source = beforeRelu(given);
  const [x, relu] = [source ?? given, source !== undefined];
  const window = shapeOf(x.shape, attrs);
  const [y, indices] = [out!.address, positions!.address];
  const run = (shape: ConvShape, factors: Factors) => convMaxPool(shape, window, { ...factors, y, indices, relu });
  if (!fuseConvolution(x, out!, run)) {
    void (x.storage as CpuStorage).block;
    inFloats("maxPool", [x], out!, (type, [input], output) =>
      maxPool(type, window, { input: input!, output, indices, relu }),
    );
  }
  if (relu) notePooled(given, out!, positions!);
};

/**
 * Windows for the gradient of an adaptive pooling, whose real ones are not known. Gradients are added up by position,
 * so any windows will do that give the right number of outputs.
 */
function anyWindows(inputShape: Shape, outputs: Shape): PoolShape {
  const input = inputShape.slice(2);
  const padding = input.map((size, i) => Math.max(0, Math.ceil((outputs[2 + i]! - size) / 2)));
  const kernel = input.map((size, i) => size + 2 * padding[i]! - outputs[2 + i]! + 1);
  const ones = input.map(() => 1);
  const planes = sizeOf(inputShape.slice(0, 2));
  return { planes, input, kernel, stride: ones, padding, dilation: ones, ceilMode: false };
}

export const maxPoolBackwardKernel: Kernel<"maxPoolBackward"> = ({ inputs, attrs: { inputShape, window } }, [out]) => {
  const [grad, positions] = inputs as readonly [View, View];
  const shape = window ? shapeOf(inputShape, window) : anyWindows(inputShape, grad.shape);
  inFloats("maxPoolBackward", [grad], out!, (type, [gradOutput], gradInput, temporaries) => {
    const indices = addressOf(temporaries.rowMajor(positions, "int32"));
    maxPoolBackward(type, shape, { gradOutput: gradOutput!, indices, gradInput });
  });
};
