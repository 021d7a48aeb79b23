import { fail, type Tensor } from "@dl/tensor";

/**
 * Whole numbers have no kernels for windows: they are computed in float64, exactly below 2⁵³, and cut to whole numbers.
 * @throws TensorError when the dtypes differ
 */
export function throughFloat64<const X extends readonly (Tensor | null | undefined)[]>(
  name: string,
  inputs: X,
  body: (...inputs: X) => Tensor,
): Tensor {
  const [first] = inputs as unknown as [Tensor];
  const mixed = inputs.find((x) => x && x.dtype !== first.dtype);
  if (mixed) fail(name, `dtypes ${first.dtype} and ${mixed.dtype} do not mix`, "Cast one with .to");
  if (first.isFloatingPoint()) return body(...inputs);
  const doubles = inputs.map((x) => x?.to("float64")) as unknown as X;
  return body(...doubles).to(first.dtype);
}
