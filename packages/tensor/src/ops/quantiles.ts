/** Values between the elements, by share. */

import { isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { normalizeDim } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { tensor } from "./creation.ts";
import { asVector } from "./scattering.ts";
import { composite } from "./signature.ts";

export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";

type QuantileBody = (
  input: Tensor,
  q: number | Tensor,
  dim?: number | null,
  keepdim?: boolean,
  interpolation?: Interpolation,
) => Tensor;

function quantileBody(name: string, skipNan: boolean): QuantileBody {
  return (input, q, dim = null, keepdim = false, interpolation = "linear") => {
    if (!isFloat(input.dtype)) fail(name, `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
    if (input.numel() === 0) fail(name, "needs at least one element");
    const x = dim === null ? input.reshape(-1) : asVector(input);
    const at = normalizeDim(name, dim ?? 0, x.ndim);
    const wanted = q instanceof Tensor ? q : tensor(q, { dtype: input.dtype, device: input.device });
    if (wanted.ndim > 1) fail(name, `q must be a number or a vector, got ${showShape(wanted.shape)}`);
    checkQuantiles(name, wanted);
    const found = interpolated(x.movedim(at, -1).sort(-1).values, wanted.reshape(-1), skipNan, interpolation);
    const kept = dim === null || input.ndim === 0 ? input.shape.map(() => 1) : input.shape.with(at, 1);
    const out = found.movedim(-1, 0).view([wanted.numel(), ...(keepdim ? kept : found.shape.slice(0, -1))]);
    return wanted.ndim === 0 ? out.squeeze(0) : out;
  };
}

function checkQuantiles(name: string, q: Tensor): void {
  if (q.lt(0).logicalOr(q.gt(1)).any().item()) fail(name, "q must lie between 0 and 1");
}

/** [..., n] sorted → [..., quantiles]. Without skipping, a lane that has a NaN is NaN: NaN sorts last. */
function interpolated(sorted: Tensor, q: Tensor, skipNan: boolean, interpolation: Interpolation): Tensor {
  const n = sorted.shape.at(-1)!;
  const missing = sorted.isnan().sum(-1, true);
  const last = missing
    .neg()
    .add(n - 1)
    .clamp(0)
    .to(sorted.dtype);
  const rank = skipNan
    ? q.mul(last)
    : where(missing.gt(0), n - 1, q.mul(n - 1).expand([...missing.shape.slice(0, -1), q.numel()]));
  const value = (at: Tensor): Tensor => sorted.gather(-1, at.to("int64"));
  if (interpolation === "nearest") return value(rank.round());
  const [low, high] = [rank.floor(), rank.ceil()];
  if (interpolation === "lower") return value(low);
  if (interpolation === "higher") return value(high);
  if (interpolation !== "linear" && interpolation !== "midpoint") {
    fail("quantile", `unknown interpolation "${interpolation}"`, "Use linear, lower, higher, midpoint or nearest");
  }
  const weight = interpolation === "midpoint" ? 0.5 : rank.sub(low);
  return value(low).lerp(value(high), weight);
}

/**
 * The values below which a share `q` of the elements lies.
 * @see https://pytorch.org/docs/stable/generated/torch.quantile.html
 * @example
 * floatTensor([1, 2, 3, 4]).quantile(0.5); // tensor(2.5000)
 */
export const quantile = composite(
  "quantile(input, q, dim?, keepdim?, interpolation?)",
  quantileBody("quantile", false),
);

/** {@link quantile} without NaN. @see https://pytorch.org/docs/stable/generated/torch.nanquantile.html */
export const nanquantile = composite(
  "nanquantile(input, q, dim?, keepdim?, interpolation?)",
  quantileBody("nanquantile", true),
);
