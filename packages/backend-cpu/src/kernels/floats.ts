/** The float types that dense kernels know: float32 and float64 as they lie, 16-bit floats through float32. */
import { type DType, fail, type View } from "@dl/tensor";
import type { FloatName } from "../dense/element.ts";
import { addressOf } from "../storage.ts";
import { convert } from "./copy.ts";
import type { Output } from "./kernel.ts";
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
