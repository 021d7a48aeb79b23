/** Whether values are near each other, or among others. */
import { fail } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { tensor } from "./creation.ts";
import { floating, needTensors } from "./pointwise.ts";
import { composite, op } from "./signature.ts";

/**
 * |a − b| ≤ atol + rtol · |b|; equal infinities are close.
 * @see https://pytorch.org/docs/stable/generated/torch.isclose.html
 * @example
 * floatTensor([1, 2]).isclose(floatTensor([1.000001, 3])); // tensor([ True, False])
 */
export const isclose = composite(
  "isclose(input, other, rtol?, atol?, equalNan?)",
  (input: Tensor, other: Tensor, rtol: number = 1e-5, atol: number = 1e-8, equalNan: boolean = false): Tensor => {
    needTensors("isclose", input, other);
    if (input.dtype !== other.dtype) fail("isclose", `dtypes ${input.dtype} and ${other.dtype} differ`, "Cast one");
    if (!(rtol >= 0 && atol >= 0)) fail("isclose", `tolerances must not be negative, got ${rtol} and ${atol}`);
    const same = input.eq(other);
    const equal = equalNan ? same.logicalOr(input.isnan().logicalAnd(other.isnan())) : same;
    if (rtol === 0 && atol === 0) return equal;
    const near = floating(other);
    const gap = floating(input).sub(near).abs();
    // An infinite gap is within an infinite tolerance, but not close.
    return equal.logicalOr(gap.le(near.abs().mul(rtol).add(atol)).logicalAnd(gap.isinf().logicalNot()));
  },
);

/**
 * Whether all elements are close.
 * @see https://pytorch.org/docs/stable/generated/torch.allclose.html
 * @example
 * floatTensor([1, 2]).allclose(floatTensor([1.000001, 2])); // true
 */
export const allclose = op(
  "allclose(input, other, rtol?, atol?, equalNan?)",
  (input: Tensor, other: Tensor, rtol?: number, atol?: number, equalNan?: boolean): boolean =>
    Boolean(isclose(input, other, rtol, atol, equalNan).all().item()),
);

/** Elements that each are compared with; more of them are sorted, and searched. */
const FEW = 64;

/**
 * Whether each element is among `testElements`; bool.
 * @see https://pytorch.org/docs/stable/generated/torch.isin.html
 * @example
 * isin(tensor([1, 2, 3]), tensor([2, 3])); // tensor([False, True, True])
 */
export const isin = composite(
  "isin(elements, testElements, assumeUnique?, invert?)",
  (
    elements: Tensor | number,
    testElements: Tensor | number,
    _assumeUnique: boolean = false,
    invert: boolean = false,
  ): Tensor => {
    if (!(elements instanceof Tensor) && !(testElements instanceof Tensor))
      fail("isin", "needs a tensor, got two numbers");
    const device = (elements instanceof Tensor ? elements : (testElements as Tensor)).device;
    const [x, set] = [elements, testElements].map((value) =>
      value instanceof Tensor ? value : tensor(value, { device }),
    );
    const found = (set!.numel() <= FEW || x!.dtype !== set!.dtype ? amongFew : amongMany)(x!, set!.reshape(-1));
    return invert ? found.logicalNot() : found;
  },
);

function amongFew(x: Tensor, set: Tensor): Tensor {
  const none = x.newZeros(x.shape, { dtype: "bool" });
  return (set.unbind(0) as Tensor[]).reduce((found, element) => found.logicalOr(x.eq(element)), none);
}

function amongMany(x: Tensor, set: Tensor): Tensor {
  const { values } = set.sort();
  const places = values.searchsorted(x).clamp(null, set.numel() - 1);
  return values.gather(0, places.view(-1)).view(x.shape).eq(x);
}
