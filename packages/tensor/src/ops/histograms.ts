/** Elements counted by value. */
import { isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { composite } from "./signature.ts";

/** Counts of elements in `bins` equal intervals from `min` to `max`, or of the data's range. @see https://pytorch.org/docs/stable/generated/torch.histc.html */
export const histc = composite(
  "histc(input, bins?, min?, max?)",
  (input: Tensor, bins: number = 100, min: number = 0, max: number = 0): Tensor => {
    if (!isFloat(input.dtype)) fail("histc", `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
    if (!(bins > 0) || max < min) fail("histc", `needs bins > 0 and min ≤ max, got ${bins}, ${min} and ${max}`);
    const x = input.detach().reshape(-1);
    const [low, high] = min === max && x.numel() > 0 ? dataRange(x) : min === max ? [0, 1] : [min, max];
    const place = x
      .sub(low)
      .div(high - low)
      .mul(bins)
      .floor();
    const inside = x.ge(low).logicalAnd(x.le(high));
    const index = where(inside, place.clamp(0, bins - 1), 0).to("int64");
    return x.newZeros(bins).indexAdd(0, index, inside.to(x.dtype));
  },
);

function dataRange(x: Tensor): [number, number] {
  const [low, high] = [x.amin().item(), x.amax().item()];
  if (!Number.isFinite(low) || !Number.isFinite(high)) fail("histc", `the range [${low}, ${high}] is not finite`);
  return low === high ? [low - 1, high + 1] : [low, high];
}

/** How often each whole number from 0 occurs, or the sum of its weights. @see https://pytorch.org/docs/stable/generated/torch.bincount.html */
export const bincount = composite(
  "bincount(input, weights?, minlength?)",
  (input: Tensor, weights: Tensor | null = null, minlength: number = 0): Tensor => {
    if (input.ndim !== 1 || isFloat(input.dtype) || input.dtype === "bool") {
      fail("bincount", `needs a vector of whole numbers, got ${input.dtype} of ${showShape(input.shape)}`);
    }
    const empty = input.numel() === 0;
    if (!empty && input.amin().item() < 0) fail("bincount", "needs numbers ≥ 0");
    const size = Math.max(empty ? 0 : input.amax().item() + 1, minlength);
    const counted = weights
      ? isFloat(weights.dtype)
        ? weights
        : weights.to("float64")
      : input.mul(0).add(1).to("int64");
    return counted.newZeros(size).indexAdd(0, input.to("int64"), counted);
  },
);
