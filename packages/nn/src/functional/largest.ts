import { applyAll, fail, type PoolAttrs, showShape, type Tensor, type ValuesIndices, valuesIndices } from "@dl/tensor";
import { layoutOf } from "./sizes.ts";

/** The largest of each window, of a batch or a single sample. */
export function largest(name: string, input: Tensor, attrs: PoolAttrs, returnIndices: boolean): Tensor | ValuesIndices {
  const rank = attrs.kernel.length;
  const x = input.ndim === rank + 1 ? input.unsqueeze(0) : input;
  if (x.ndim !== rank + 2 || x.shape.indexOf(0, 1) >= 0) {
    const layouts = `${layoutOf(rank, true)} or ${layoutOf(rank, false)}`;
    fail(name, `needs ${layouts}, only N may be 0, got ${showShape(input.shape)}`);
  }
  const [values, indices] = applyAll("maxPool", [x], attrs).map((out) => (x === input ? out : out.squeeze(0)));
  return returnIndices ? valuesIndices(values!, indices!.to("int64")) : values!;
}
