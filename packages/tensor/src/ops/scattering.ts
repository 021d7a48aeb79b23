/** What ops that scatter or gather by index tensors share: checks, and the scatter itself. */
import { fail, showShape } from "../errors.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { to } from "./convert.ts";
import type { ScatterReduce } from "./table.ts";
import { corner } from "./windows.ts";
import { placeInto } from "./writing.ts";

/** A 0-d tensor as a vector. */
export const asVector = (x: Tensor): Tensor => (x.ndim === 0 ? x.view(1) : x);

/** An index of whole slices, as int64. */
export function checkIndex(name: string, index: Tensor): Tensor {
  if (index.dtype !== "int64" && index.dtype !== "int32") {
    fail(name, `the index must be int64 or int32, got ${index.dtype}`, 'Cast it with .to("int64")');
  }
  return to(index, "int64");
}

/** A tensor and an index of as many dimensions, 0-d ones as vectors. PyTorch takes int64 only here. */
export function alongside(name: string, input: Tensor, index: Tensor): [Tensor, Tensor] {
  const [x, at] = [asVector(input), asVector(index)];
  if (x.ndim !== at.ndim) {
    fail(name, `index ${showShape(index.shape)} needs as many dimensions as ${showShape(input.shape)}`);
  }
  if (at.dtype !== "int64" && at.numel() > 0)
    fail(name, `the index must be int64, got ${at.dtype}`, 'Cast it with .to("int64")');
  return [x, to(at, "int64")];
}

/** How often each whole number below `size` occurs. */
export function tally(numbers: Tensor, size: number): Tensor {
  const one = numbers.newFull([1], 1, { dtype: "int64" });
  return one.newZeros(size).indexAdd(0, numbers, one.expand(numbers.numel()));
}

/** A sum of bools is "or", a product "and". */
const boolean: { readonly [R in ScatterReduce]: ScatterReduce } = {
  replace: "replace",
  add: "amax",
  prod: "amin",
  amax: "amax",
  amin: "amin",
};

/** A copy with `src` scattered into it, combined with what is there. */
export function scatterInto(
  input: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | number,
  reduce: ScatterReduce,
  includeSelf: boolean,
): Tensor {
  const [x, at] = alongside("scatter", input, index);
  const d = normalizeDim("scatter", dim, x.ndim);
  const source = typeof src === "number" ? x.newFull([], src).expand(at.shape) : asVector(src);
  if (source.dtype !== x.dtype) {
    fail("scatter", `the source is ${source.dtype}, the tensor ${x.dtype}`, "Cast one with .to");
  }
  if (
    source.ndim !== at.ndim ||
    at.shape.some((size, i) => size > source.shape[i]! || (i !== d && size > x.shape[i]!))
  ) {
    fail(
      "scatter",
      `index ${showShape(index.shape)} is larger than source ${showShape(source.shape)} or tensor ${showShape(input.shape)}`,
    );
  }
  const used = corner(source, at.shape);
  const out = placeInto("scatter", [x, at, used], {
    dim: d,
    reduce: x.dtype === "bool" ? boolean[reduce] : reduce,
    includeSelf,
  });
  return input.ndim === 0 ? out.view([]) : out;
}
