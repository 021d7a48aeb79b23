/** Differences of neighbours and areas under curves. */
import { fail, showShape } from "../errors.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cat } from "./joining.ts";
import { composite, op } from "./signature.ts";

/** The `n`-th difference of neighbours along `dim`, after adding what to prepend and append. @see https://pytorch.org/docs/stable/generated/torch.diff.html */
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

/**
 * The area under `y` along `dim`, by trapezoids; `x` are its positions, or `dx` their distance.
 * @see https://pytorch.org/docs/stable/generated/torch.trapezoid.html
 */
export const trapezoid = composite(
  "trapezoid(input, x?, dx?, dim?)",
  (input: Tensor, x: Tensor | null = null, dx: number = 1, dim: number = -1): Tensor => {
    const [areas, at] = strips("trapezoid", input, x ?? dx, dim);
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
