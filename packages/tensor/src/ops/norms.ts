/** Norms of vectors and distances made of them, with PyTorch's derivative of 0 at 0. */
import type { DType } from "../dtype.ts";
import { isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { broadcastShapes, normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { onesLike } from "./creation.ts";
import { cat } from "./joining.ts";
import { svdvals } from "./matrix/values.ts";
import { roomy } from "./pointwise.ts";
import type { Dims } from "./reduce.ts";
import { composite } from "./signature.ts";

/** (Σ |x|ᵖ)^(1/p) over `dim`: the count of non-zeros for 0, extremes for ±∞. */
export function vectorNormOf(name: string, input: Tensor, p: number, dim: Dims | undefined, keepdim: boolean): Tensor {
  if (!isFloat(input.dtype)) fail(name, `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
  if (p === Number.POSITIVE_INFINITY) return input.abs().amax(dim, keepdim);
  if (p === Number.NEGATIVE_INFINITY) return input.abs().amin(dim, keepdim);
  if (p === 0) return input.ne(0).to(input.dtype).sum(dim, keepdim);
  if (p === 1) return input.abs().sum(dim, keepdim);
  const x = roomy(input);
  const powered = p === 2 ? x.square() : powers(x, p);
  return rootOf(powered.sum(dim, keepdim), (sum) => (p === 2 ? sum.sqrt() : sum.pow(1 / p))).to(input.dtype);
}

/** |x|ᵖ. Roots have no derivative at 0: there it is taken as 0. */
function powers(input: Tensor, p: number): Tensor {
  if (p >= 1) return input.abs().pow(p);
  const zero = input.eq(0);
  return where(zero, p < 0 ? Number.POSITIVE_INFINITY : 0, where(zero, 1, input).abs().pow(p));
}

function rootOf(sum: Tensor, root: (sum: Tensor) => Tensor): Tensor {
  const zero = sum.eq(0);
  return where(zero, 0, root(where(zero, 1, sum)));
}

/** A norm's order as PyTorch writes it. */
type NormOrder = number | "fro" | "nuc" | null;

/**
 * The p-norm over `dim`, of all elements without it.
 * @see https://pytorch.org/docs/stable/generated/torch.norm.html
 * @example
 * floatTensor([3, 4]).norm(); // tensor(5.)
 */
export const norm = composite(
  "norm(input, p?, dim?, keepdim?, dtype?)",
  (input: Tensor, p: NormOrder = "fro", dim?: Dims, keepdim: boolean = false, dtype?: DType | null): Tensor => {
    const x = dtype ? input.to(dtype) : input;
    if (p === "nuc") return nuclear(x, dim, keepdim);
    if (typeof p === "string" && p !== "fro") fail("norm", `unknown order "${p}"`, 'Give a number, "fro" or "nuc"');
    return vectorNormOf("norm", x, typeof p === "number" ? p : 2, dim, keepdim);
  },
  "NormBackward1",
);

/** The sum of the singular values of matrices in two dimensions. */
function nuclear(x: Tensor, dim: Dims | undefined, keepdim: boolean): Tensor {
  const dims = Array.isArray(dim) ? (dim as readonly number[]) : [-2, -1];
  if (x.ndim < 2 || dims.length !== 2)
    fail("norm", `"nuc" needs two dimensions, got [${dims}] of ${showShape(x.shape)}`);
  const places = dims.map((d) => normalizeDim("norm", d, x.ndim)).sort((a, b) => a - b);
  const sum = svdvals(x.movedim(places, [-2, -1])).sum(-1);
  return keepdim ? places.reduce((out, d) => out.unsqueeze(d), sum) : sum;
}

/** The p-norm of the difference. @see https://pytorch.org/docs/stable/generated/torch.dist.html */
export const dist = composite(
  "dist(input, other, p?)",
  (input: Tensor, other: Tensor, p: number = 2): Tensor => vectorNormOf("dist", input.sub(other), p, null, false),
  "DistBackward0",
);

/** Rows up to which distances are taken one by one, as PyTorch does. */
const DIRECT = 25;

/** |a|² + |b|² − 2 a·b as one matrix product. */
function euclidean(a: Tensor, b: Tensor): Tensor {
  const [x, y] = [a, b].map((rows) => ({ rows, size: rows.square().sum(-1, true) })) as [Rows, Rows];
  const left = cat([x.rows.mul(-2), x.size, onesLike(x.size)], -1);
  const right = cat([y.rows, onesLike(y.size), y.size], -1);
  return rootOf(left.matmul(right.transpose(-2, -1)).clamp(0), (square) => square.sqrt());
}

interface Rows {
  readonly rows: Tensor;
  readonly size: Tensor;
}

/**
 * Distances between all rows of [..., n, m] and all rows of [..., k, m].
 * @see https://pytorch.org/docs/stable/generated/torch.cdist.html
 * @example
 * cdist(floatTensor([[0, 0]]), floatTensor([[3, 4], [0, 1]])); // tensor([[5., 1.]])
 */
export const cdist = composite(
  "cdist(input, x2, p?, computeMode?)",
  (input: Tensor, x2: Tensor, p: number = 2, mode?: string | null): Tensor => {
    if (input.ndim < 2 || x2.ndim < 2 || input.shape.at(-1) !== x2.shape.at(-1)) {
      fail("cdist", `needs [..., n, m] and [..., k, m], got ${showShape(input.shape)} and ${showShape(x2.shape)}`);
    }
    if (!(p >= 0)) fail("cdist", `needs p ≥ 0, got ${p}`);
    if (
      p === 2 &&
      isFloat(input.dtype) &&
      Math.max(input.shape.at(-2)!, x2.shape.at(-2)!) > DIRECT &&
      !mode?.startsWith("donot")
    ) {
      return euclidean(input, x2);
    }
    const gap = input.unsqueeze(-2).sub(x2.unsqueeze(-3));
    if (gap.numel() > 0) return vectorNormOf("cdist", gap, p, -1, false);
    const batch = broadcastShapes("cdist", input.shape.slice(0, -2), x2.shape.slice(0, -2));
    return input
      .sum()
      .mul(0)
      .expand([...batch, input.shape.at(-2)!, x2.shape.at(-2)!])
      .clone();
  },
);

/** Slices of `dim` whose p-norm exceeds `maxnorm` scaled down to it. @see https://pytorch.org/docs/stable/generated/torch.renorm.html */
export const renorm = composite(
  "renorm(input, p, dim, maxnorm)",
  (input: Tensor, p: number, dim: number, maxnorm: number): Tensor => {
    if (input.ndim < 2) fail("renorm", `needs at least 2 dimensions, got ${showShape(input.shape)}`);
    if (!(p > 0) || !(maxnorm >= 0)) fail("renorm", `needs p > 0 and maxnorm ≥ 0, got ${p} and ${maxnorm}`);
    const at = dim < 0 ? dim + input.ndim : dim;
    const others = input.shape.flatMap((_, d) => (d === at ? [] : [d]));
    const size = vectorNormOf("renorm", input, p, others, true);
    return input.mul(where(size.gt(maxnorm), size.add(1e-7).reciprocal().mul(maxnorm), 1));
  },
  "RenormBackward0",
);
