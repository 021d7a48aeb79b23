/** Differences of neighbours and areas under curves. */
import { isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { normalizeDim } from "../shape.ts";
import { state } from "../state.ts";
import type { Tensor } from "../tensor.ts";
import { cat } from "./joining.ts";
import type { Dims } from "./reduce.ts";
import { composite, op } from "./signature.ts";

/**
 * The `n`-th difference of neighbours along `dim`, after adding what to prepend and append.
 * @see https://pytorch.org/docs/stable/generated/torch.diff.html
 * @example
 * tensor([1, 4, 9]).diff(); // tensor([3, 5])
 */
export const diff = composite(
  "diff(input, n?, dim?, prepend?, append?)",
  (
    input: Tensor,
    n: number = 1,
    dim: number = -1,
    prepend: Tensor | null = null,
    append: Tensor | null = null,
  ): Tensor => {
    if (input.ndim === 0) fail("diff", "needs at least 1 dimension, got a 0-d tensor");
    if (!(n >= 0)) fail("diff", `n must not be negative, got ${n}`);
    const at = normalizeDim("diff", dim, input.ndim);
    if (n === 0) return input.clone();
    const parts = [prepend, input, append].filter((part) => part !== null);
    let x = parts.length === 1 ? input : cat(parts, at);
    for (let i = 0; i < n && (i === 0 || x.shape[at]! > 0); i++) x = step(x, at);
    return x;
  },
);

/** Each element minus the one before. */
function step(x: Tensor, dim: number): Tensor {
  const size = Math.max(x.shape[dim]! - 1, 0);
  const [next, last] = [x.narrow(dim, x.shape[dim]! - size, size), x.narrow(dim, 0, size)];
  return x.dtype === "bool" ? next.logicalXor(last) : next.sub(last);
}

/** Positions along each dimension: their distance, one for each dimension, or the positions themselves. */
export type Spacing = number | readonly (number | Tensor)[];

/**
 * Derivatives along each dimension, estimated by parabolas through three neighbours; at the ends by lines, or by the
 * same parabola where `edgeOrder` is 2.
 * @see https://pytorch.org/docs/stable/generated/torch.gradient.html
 */
export const gradient = composite(
  "gradient(input, spacing?, dim?, edgeOrder?)",
  (input: Tensor, spacing: Spacing | null = 1, dim: Dims = null, edgeOrder: 1 | 2 = 1): Tensor[] => {
    const dims = (typeof dim === "number" ? [dim] : (dim ?? input.shape.map((_, d) => d))).map((d) =>
      normalizeDim("gradient", d, input.ndim),
    );
    if (new Set(dims).size !== dims.length) fail("gradient", `a dimension appears twice in [${dims}]`);
    const spaces = typeof spacing === "number" || spacing === null ? dims.map(() => spacing ?? 1) : spacing;
    if (spaces.length !== dims.length) fail("gradient", `${spaces.length} spacings for ${dims.length} dimensions`);
    if (edgeOrder !== 1 && edgeOrder !== 2) fail("gradient", `edgeOrder must be 1 or 2, got ${edgeOrder}`);
    return dims.map((at, i) => slope(input, spaces[i]!, at, edgeOrder));
  },
);

function slope(y: Tensor, space: number | Tensor, at: number, edgeOrder: 1 | 2): Tensor {
  const size = y.shape[at]!;
  if (size <= edgeOrder) fail("gradient", `dimension ${at} needs more than ${edgeOrder} elements, got ${size}`);
  const widths = typeof space === "number" ? y.newFull([1], space, { dtype: "float64" }).expand(size - 1) : diff(space);
  const float = isFloat(y.dtype) ? y : y.to(state.defaultDType);
  const w = widths.to(float.dtype).view(y.shape.map((_, d) => (d === at ? -1 : 1)));
  const strips = diff(float, 1, at).div(w);
  const part = (x: Tensor, from: number, count: number): Tensor =>
    x.narrow(at, from < 0 ? size - 1 + from : from, count);
  /** At the `end` of the strip that begins a pair: the line through it bent by the next one. */
  const edge = (own: number, next: number): Tensor => {
    const line = part(strips, own, 1);
    if (edgeOrder === 1) return line;
    const share = part(w, own, 1).div(part(w, own, 1).add(part(w, next, 1)));
    return line.sub(part(strips, next, 1).sub(line).mul(share));
  };
  const inner = size - 2;
  const bent = (): Tensor => {
    const [before, after] = [part(w, 0, inner), part(w, 1, inner)];
    const turned = part(strips, 0, inner)
      .mul(after)
      .add(part(strips, 1, inner).mul(before));
    return turned.div(before.add(after));
  };
  const middle =
    typeof space === "number"
      ? part(float, 2, inner)
          .sub(part(float, 0, inner))
          .div(2 * space)
      : bent();
  return cat([edge(0, 1), middle, edge(-1, -2)], at);
}

/** Areas of the strips between neighbours, along `dim`. */
function strips(name: string, y: Tensor, x: Tensor | number, dim: number): [strips: Tensor, dim: number] {
  const at = normalizeDim(name, dim, y.ndim);
  const size = Math.max(y.shape[at]! - 1, 0);
  const sums = y.narrow(at, y.shape[at]! - size, size).add(y.narrow(at, 0, size));
  return [sums.mul(typeof x === "number" ? x : widths(name, y, x, at)), at];
}

function widths(name: string, y: Tensor, x: Tensor, at: number): Tensor {
  if (x.ndim > 1) {
    const points = x.ndim < y.ndim ? x.view([...y.shape.slice(x.ndim).map(() => 1), ...x.shape]) : x;
    return diff(points, 1, at);
  }
  if (x.numel() !== y.shape[at])
    fail(name, `${x.numel()} positions for ${y.shape[at]} values of ${showShape(y.shape)}`);
  return diff(x).view(y.shape.map((_, dim) => (dim === at ? -1 : 1)));
}

/** Strips of one width: both ends count half. */
function evenly(y: Tensor, width: number, at: number): Tensor {
  const sum = y.sum(at);
  if (y.shape[at] === 0) return sum.mul(width).div(2);
  const [first, last] = [0, -1].map((i) => y.select(at, i).to(sum.dtype)) as [Tensor, Tensor];
  return sum.mul(2).sub(first.add(last)).mul(width).div(2);
}

/**
 * The area under `y` along `dim`, by trapezoids; `x` are its positions, or `dx` their distance.
 * @see https://pytorch.org/docs/stable/generated/torch.trapezoid.html
 */
export const trapezoid = composite(
  "trapezoid(input, x?, dx?, dim?)",
  (input: Tensor, x: Tensor | null = null, dx: number = 1, dim: number = -1): Tensor => {
    if (x === null) return evenly(input, dx, normalizeDim("trapezoid", dim, input.ndim));
    const [areas, at] = strips("trapezoid", input, x, dim);
    return areas.sum(at).div(2);
  },
);

/** {@link trapezoid}. @see https://pytorch.org/docs/stable/generated/torch.trapz.html */
export const trapz = op(
  "trapz(input, x?, dx?, dim?)",
  (input: Tensor, x?: Tensor | null, dx?: number, dim?: number): Tensor => trapezoid(input, x, dx, dim),
);

/** The area so far. @see https://pytorch.org/docs/stable/generated/torch.cumulative_trapezoid.html */
export const cumulativeTrapezoid = composite(
  "cumulativeTrapezoid(input, x?, dx?, dim?)",
  (input: Tensor, x: Tensor | null = null, dx: number = 1, dim: number = -1): Tensor => {
    const [areas, at] = strips("cumulativeTrapezoid", input, x ?? dx, dim);
    return areas.cumsum(at).div(2);
  },
);
