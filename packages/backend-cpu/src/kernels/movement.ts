/** Elements moved to another place of a larger tensor: joining and padding are copies into parts of the output. */
import { dtypes, type Shape, stridesOf, type View } from "@dl/tensor";
import { convert, fill } from "./copy.ts";
import type { Kernel, Output } from "./kernel.ts";

/** The part of a row-major output that begins at `start`. */
export function part(out: Output, shape: Shape, start: Shape): Output {
  const strides = stridesOf(out.shape);
  const first = start.reduce((sum, at, dim) => sum + at * strides[dim]!, 0);
  return {
    storage: out.storage,
    dtype: out.dtype,
    shape,
    strides,
    address: out.address + first * dtypes[out.dtype].bytes,
  };
}

export const cat: Kernel<"cat"> = ({ inputs, attrs: { dim } }, [out]) => {
  const start = out!.shape.map(() => 0);
  for (const x of inputs as readonly View[]) {
    convert(x, part(out!, x.shape, start));
    start[dim]! += x.shape[dim]!;
  }
};

export const pad: Kernel<"pad"> = ({ inputs, attrs: { padding, value } }, [out]) => {
  const [x] = inputs as readonly [View];
  fill(out!, value);
  const start = padding.map(([before]) => before);
  convert(x, part(out!, x.shape, start));
};
