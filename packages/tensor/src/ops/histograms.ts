/** Elements counted by value. */
import { dtypes, isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { sameShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { linspace } from "./creation.ts";
import { extremes } from "./extremes.ts";
import { tally } from "./scattering.ts";
import { composite } from "./signature.ts";

/**
 * Counts of elements in `bins` equal intervals from `min` to `max`, or of the data's range.
 * @see https://pytorch.org/docs/stable/generated/torch.histc.html
 * @example
 * floatTensor([1, 2, 1]).histc(4, 0, 3); // tensor([0., 2., 1., 0.])
 */
export const histc = composite(
  "histc(input, bins?, min?, max?)",
  (input: Tensor, bins: number = 100, min: number = 0, max: number = 0): Tensor => {
    if (!isFloat(input.dtype)) fail("histc", `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
    if (!(bins > 0) || max < min) fail("histc", `needs bins > 0 and min ≤ max, got ${bins}, ${min} and ${max}`);
    const x = input.detach().reshape(-1);
    const [low, high] = min === max && x.numel() > 0 ? dataRange(x) : min === max ? [0, 1] : [min, max];
    const placeOf = (y: Tensor): Tensor =>
      y
        .sub(low)
        .div(high - low)
        .mul(bins)
        .clamp(null, bins - 1);
    const inside = x.clamp(low, high);
    const place = min === max ? placeOf(x) : where(inside.eq(x), placeOf(inside), bins);
    return tally(toIndex(place), bins + 1)
      .narrow(0, 0, bins)
      .to(x.dtype);
  },
);

function dataRange(x: Tensor): [number, number] {
  const [low, high] = extremes(x).map((at) => at.item()) as [number, number];
  if (!Number.isFinite(low) || !Number.isFinite(high)) fail("histc", `the range [${low}, ${high}] is not finite`);
  return low === high ? [low - 1, high + 1] : [low, high];
}

/** Counts (or weights, or densities) and the bounds between bins. */
export type Histogram = [hist: Tensor, binEdges: Tensor] & { readonly hist: Tensor; readonly binEdges: Tensor };

/**
 * Counts of elements in `bins`: so many equal intervals of `range` (that of the data unless given), or between rising
 * bounds. With weights their sums; with `density` divided by the total and by the widths.
 * @see https://pytorch.org/docs/stable/generated/torch.histogram.html
 */
export const histogram = composite(
  "histogram(input, bins, range?, weight?, density?)",
  (
    input: Tensor,
    bins: number | Tensor,
    range: readonly number[] | null = null,
    weight: Tensor | null = null,
    density: boolean = false,
  ): Histogram => {
    if (!isFloat(input.dtype)) fail("histogram", `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
    if (weight && !sameShape(weight.shape, input.shape)) {
      fail("histogram", `weights are ${showShape(weight.shape)}, the input ${showShape(input.shape)}`);
    }
    const x = input.detach().reshape(-1);
    const binEdges = bins instanceof Tensor ? bins.detach().clone() : equalBins(x, bins, range);
    const count = binEdges.numel() - 1;
    const isEven = typeof bins === "number" && dtypes[x.dtype].bytes > 2;
    // The last bin holds its upper bound too; what is outside goes into one behind it.
    const place = (isEven ? evenPlace(x, binEdges) : binEdges.searchsorted(x, { right: true }).sub(1)).clamp(
      0,
      count - 1,
    );
    const isInside = x.ge(binEdges.at(0)).logicalAnd(x.le(binEdges.at(-1)));
    const index = where(isInside, place, count);
    const counts = (
      weight
        ? x.newZeros(count + 1).indexAdd(0, index, weight.detach().reshape(-1))
        : tally(index, count + 1).to(x.dtype)
    ).narrow(0, 0, count);
    const hist = density ? counts.div(counts.sum()).div(binEdges.diff()) : counts;
    return Object.assign([hist, binEdges] as [Tensor, Tensor], { hist, binEdges });
  },
);

/** The bins of elements by arithmetic, moved to a neighbour where the bounds say so. */
function evenPlace(x: Tensor, edges: Tensor): Tensor {
  const count = edges.numel() - 1;
  const [low, high] = [edges.at(0), edges.at(-1)];
  const near = toIndex(x.sub(low).mul(count).div(high.sub(low))).clamp(0, count - 1);
  const isBefore = x.lt(edges.gather(0, near)).to("int64");
  return near.sub(isBefore).add(x.ge(edges.gather(0, near.add(1))).to("int64"));
}

/** Floats are cut to int32 in fewer instructions. */
function toIndex(place: Tensor): Tensor {
  return place.to("int32").to("int64");
}

function equalBins(x: Tensor, bins: number, range: readonly number[] | null): Tensor {
  if (!(bins > 0)) fail("histogram", `needs bins > 0, got ${bins}`);
  const [low = 0, high = 1] = range ?? (x.numel() > 0 ? extremes(x).map((at) => at.item()) : []);
  if (!(low <= high)) fail("histogram", `needs a range that rises, got [${range}]`);
  const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  return linspace(from, to, bins + 1, { dtype: x.dtype, device: x.device });
}

/**
 * How often each whole number from 0 occurs, or the sum of its weights.
 * @see https://pytorch.org/docs/stable/generated/torch.bincount.html
 * @example
 * tensor([0, 2, 2]).bincount(); // tensor([1, 0, 2])
 */
export const bincount = composite(
  "bincount(input, weights?, minlength?)",
  (input: Tensor, weights: Tensor | null = null, minlength: number = 0): Tensor => {
    if (input.ndim !== 1 || isFloat(input.dtype) || input.dtype === "bool") {
      fail("bincount", `needs a vector of whole numbers, got ${input.dtype} of ${showShape(input.shape)}`);
    }
    const [least, most] = input.numel() === 0 ? [0, -1] : extremes(input).map((at) => at.item());
    if (least! < 0) fail("bincount", "needs numbers ≥ 0");
    const size = Math.max(most! + 1, minlength);
    if (!weights) return tally(input.to("int64"), size);
    const counted = isFloat(weights.dtype) ? weights : weights.to("float64");
    return counted.newZeros(size).indexAdd(0, input.to("int64"), counted);
  },
);
