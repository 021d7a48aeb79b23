/** Elements by their rank: they are sorted, and gradients go to those picked. NaN sorts last. */
import { fail, showShape } from "../errors.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { arange } from "./creation.ts";
import { cat } from "./joining.ts";
import { labelled } from "./labels.ts";
import { type ValuesIndices, valuesIndices } from "./pairs.ts";
import { composite } from "./signature.ts";

/** One line of elements along the last dimension, and how results go back. */
interface Lanes {
  readonly lanes: Tensor;
  /** [...rest, 1] back into the reduced shape. */
  readonly home: (x: Tensor) => Tensor;
}

function lanesOf(name: string, input: Tensor, dim: number, keepdim: boolean): Lanes {
  const at = normalizeDim(name, dim, input.ndim);
  if (input.ndim === 0) return { lanes: input.view(1), home: (x) => x.view([]) };
  const home = (x: Tensor): Tensor => (keepdim ? x.movedim(-1, at) : x.squeeze(-1));
  return { lanes: input.movedim(at, -1), home };
}

/** The elements of each lane at positions (one a lane) in its order. */
function picked({ lanes, home }: Lanes, order: Tensor, place: Tensor): ValuesIndices {
  const index = order.gather(-1, place);
  return valuesIndices(home(lanes.gather(-1, index)), home(index));
}

/**
 * The k-th smallest along `dim` and its position.
 * @see https://pytorch.org/docs/stable/generated/torch.kthvalue.html
 * @example
 * const { values, indices } = tensor([3, 1, 2]).kthvalue(2);
 * [values, indices]; // [tensor(2), tensor(2)]
 */
export const kthvalue = composite(
  "kthvalue(input, k, dim?, keepdim?)",
  (input: Tensor, k: number, dim: number = -1, keepdim: boolean = false): ValuesIndices => {
    const lanes = lanesOf("kthvalue", input, dim, keepdim);
    const size = lanes.lanes.shape.at(-1)!;
    if (!(k >= 1 && k <= size)) fail("kthvalue", `k is ${k}, but dimension ${dim} has ${size} elements`);
    const { indices } = lanes.lanes.sort(-1);
    return picked(
      lanes,
      indices,
      indices
        .narrow(-1, 0, 1)
        .mul(0)
        .add(k - 1),
    );
  },
  "KthvalueBackward0",
);

function medianAlong(name: string, input: Tensor, dim: number, keepdim: boolean, skipNan: boolean): ValuesIndices {
  if (input.dtype === "bool") fail(name, "bool tensors have no order", 'Cast with .to("int64")');
  const lanes = lanesOf(name, input, dim, keepdim);
  const size = lanes.lanes.shape.at(-1)!;
  if (size === 0) fail(name, `dimension ${dim} of ${showShape(input.shape)} has no elements`);
  // NaN sorts last: counting the others finds the middle, or the first NaN.
  const { indices } = lanes.lanes.sort(-1);
  const missing = lanes.lanes.isnan().sum(-1, true);
  const known = missing.neg().add(size - 1);
  const middle = (last: Tensor): Tensor => last.clamp(0).floorDivide(2);
  const place = skipNan ? middle(known) : where(missing.gt(0), known.add(1), middle(known));
  return labelled(picked(lanes, indices, place), skipNan ? "NanmedianBackward1" : "MedianBackward1");
}

/** All elements: the value alone. Along a dimension: values and positions. */
interface Median {
  (input: Tensor): Tensor;
  (input: Tensor, dim: number, keepdim?: boolean | { readonly keepdim?: boolean }): ValuesIndices;
}

function median_(name: string, skipNan: boolean): Median {
  const body = (input: Tensor, dim?: number | null, keepdim: boolean = false): Tensor | ValuesIndices =>
    dim == null ? medianOfAll(name, input, skipNan) : medianAlong(name, input, dim, keepdim, skipNan);
  return composite(`${name}(input, dim?, keepdim?)`, body) as never;
}

/** Elements from which it pays to sort only those between two that a sample chose, and how many of a sample they span. */
const MANY = 2 ** 17;
const SAMPLE = 2 ** 14;
const MARGIN = 2 ** 8;

/** The position [1] that sorting all would find; `null` where the sample misleads, and where there are NaN. */
function middlePlace(lane: Tensor): Tensor | null {
  const step = Math.floor(lane.numel() / SAMPLE);
  const sample = lane.unfold(0, 1, step).view(-1).sort().values;
  const half = sample.numel() >> 1;
  const [low, high] = [half - MARGIN, half + MARGIN].map((at) => sample.narrow(0, at, 1)) as [Tensor, Tensor];
  const inside = lane.ge(low).logicalAnd(lane.le(high));
  const rank = ((lane.numel() - 1) >> 1) - Number(lane.lt(low).sum().item());
  const count = Number(inside.sum().item());
  if (rank < 0 || rank >= count || count > lane.numel() / 4 || lane.isnan().any().item()) return null;
  const places = inside.nonzero().view(-1);
  const { indices } = lane.indexSelect(0, places).sort();
  return places.indexSelect(0, indices.narrow(0, rank, 1));
}

function medianOfAll(name: string, input: Tensor, skipNan: boolean): Tensor {
  if (input.numel() === 0) return input.sum().add(Number.NaN).to(input.dtype);
  const lane = input.reshape(-1);
  const known = lane.detach();
  const place = lane.numel() >= MANY && input.backend.hostMemory ? middlePlace(known) : null;
  const value = place ? known.gather(0, place).view([]) : medianAlong(name, known, 0, false, skipNan).values;
  return labelled(
    lane.requiresGrad ? sharedBy(lane, value) : value,
    skipNan ? "NanmedianBackward0" : "MedianBackward0",
  );
}

/** `value`, whose gradient goes in equal parts to the elements that have it. */
function sharedBy(lane: Tensor, value: Tensor): Tensor {
  const hits = lane.eq(value).logicalOr(lane.isnan().logicalAnd(value.isnan()));
  const share = where(hits, lane.div(hits.sum().to(lane.dtype)), 0).sum();
  return where(value.isfinite(), value.sub(share.detach().sub(share)), share);
}

/**
 * The middle element, the lower of two; NaN if any is. Of all elements, or along `dim` with positions.
 * @see https://pytorch.org/docs/stable/generated/torch.median.html
 */
export const median: Median = median_("median", false);
/** {@link median} without NaN. @see https://pytorch.org/docs/stable/generated/torch.nanmedian.html */
export const nanmedian: Median = median_("nanmedian", true);

/**
 * The most frequent element along `dim`, the smallest of several, and a position.
 * @see https://pytorch.org/docs/stable/generated/torch.mode.html
 * @example
 * tensor([1, 2, 2]).mode().values; // tensor(2)
 */
export const mode = composite(
  "mode(input, dim?, keepdim?)",
  (input: Tensor, dim: number = -1, keepdim: boolean = false): ValuesIndices => {
    const lanes = lanesOf("mode", input, dim, keepdim);
    const size = lanes.lanes.shape.at(-1)!;
    const { values, indices } = lanes.lanes.sort(-1);
    const at = arange(size, { device: input.device }).expand(values.shape);
    const same = values.narrow(-1, 1, size - 1).eq(values.narrow(-1, 0, size - 1));
    const starts = where(same, 0, at.narrow(-1, 1, size - 1));
    // Where each run of equal elements began; the longest so far ends at the first position with the largest distance.
    const began = cat([at.narrow(-1, 0, 1), starts], -1).cummax(-1).values;
    return picked(lanes, indices, at.sub(began).argmax(-1, true));
  },
  "ModeBackward0",
);
