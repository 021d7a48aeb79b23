/** Convolution and its adjoints: calls to the dense kernels. float32 and float64 as they lie, 16-bit floats through float32. */
import { type Attrs, type DType, fail, type Shape, sameShape, type View } from "@dl/tensor";
import { type ConvShape, convForward, convInput, convWeight, outputSize } from "../dense/conv.ts";
import type { FloatName } from "../dense/element.ts";
import { addressOf } from "../storage.ts";
import { convert } from "./copy.ts";
import type { Kernel, Output } from "./kernel.ts";
import { type Temporaries, withTemporaries } from "./temporary.ts";

const floats: { readonly [D in DType]?: FloatName } = { float32: "f32", float64: "f64" };

/** Row-major addresses of the inputs, in a type that there are kernels for. */
export function inFloats(
  op: string,
  inputs: readonly View[],
  out: Output,
  body: (type: FloatName, inputs: readonly number[], out: number, temporaries: Temporaries) => void,
): void {
  const half = out.dtype === "float16" || out.dtype === "bfloat16";
  const type = half ? "f32" : floats[out.dtype];
  if (!type) fail(op, `there is no kernel for ${out.dtype}`, 'Cast to a float dtype with .to("float32")');
  withTemporaries(out, (temporaries) => {
    const dtype = half ? "float32" : out.dtype;
    const addresses = inputs.map((view) => addressOf(temporaries.rowMajor(view, dtype)));
    if (!half) return body(type, addresses, out.address, temporaries);
    const wide = temporaries.make(out.shape, dtype);
    body(type, addresses, wide.address, temporaries);
    convert(wide, out);
  });
}

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
    convForward(type, shape, { x: x!, w: w!, y, ...(bias === undefined ? {} : { bias }) });
  });
};

/**
 * The gradient of all that the convolution gives. That of a transposed convolution with output padding may lack the last
 * places; they count as zeros.
 */
function completed(gradient: View, shape: ConvShape, temporaries: Temporaries): View {
  const { input, kernel, stride, padding, dilation } = shape;
  const space = input.map((size, i) => outputSize(size, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!));
  const whole = [...gradient.shape.slice(0, 2), ...space];
  if (sameShape(whole, gradient.shape)) return gradient;
  const result = temporaries.make(whole, gradient.dtype);
  result.storage.raw.fill(0 as never);
  convert(gradient, { ...result, shape: gradient.shape });
  return result;
}

export const convInputKernel: Kernel<"convInput"> = ({ inputs, attrs }, [out]) => {
  const [gradient, weight] = inputs as readonly [View, View];
  const shape = shapeOf(attrs.inputShape, weight.shape, attrs);
  withTemporaries(out!, (temporaries) => {
    const views = [completed(gradient, shape, temporaries), weight];
    inFloats("convInput", views, out!, (type, [gradOutput, w], gradInput) => {
      convInput(type, shape, { gradOutput: gradOutput!, w: w!, gradInput });
    });
  });
};

export const convWeightKernel: Kernel<"convWeight"> = ({ inputs, attrs }, [out]) => {
  const [gradient, image] = inputs as readonly [View, View];
  const shape = shapeOf(image.shape, attrs.weightShape, attrs);
  withTemporaries(out!, (temporaries) => {
    const views = [completed(gradient, shape, temporaries), image];
    inFloats("convWeight", views, out!, (type, [gradOutput, x], gradWeight) => {
      convWeight(type, shape, { x: x!, gradOutput: gradOutput!, gradWeight });
    });
  });
};
