/** Derivatives of reductions and running folds. */
import {
  type Attrs,
  apply,
  arange,
  isGradEnabled,
  type ReduceOp,
  type ScanOp,
  type Shape,
  type Tensor,
  where,
  zeros,
} from "@dl/tensor";
import { A, nonDifferentiable, OUT, POSITIONS, type Rule, type Rules } from "./rule.ts";

type Reduced = Attrs<"sum">;

/** A reduced tensor with the dimensions it lost back as size 1, repeated to `shape`. */
function spread(x: Tensor, { dims, keepdim }: Reduced, shape: Shape): Tensor {
  const kept = keepdim ? x : x.reshape(shape.map((size, dim) => (dims.includes(dim) ? 1 : size)));
  return kept.expand(shape);
}

/** `whole` is PyTorch's name where everything is reduced. */
function named(whole: string, part: string) {
  return ({ dims, keepdim }: Reduced, shape: Shape): string =>
    dims.length === shape.length && !keepdim ? whole : part;
}

/** Of all elements NaN is one like others, along dimensions it equals nothing. */
function sameAs(x: Tensor, extreme: Tensor, { dims }: Reduced): Tensor {
  const same = x.eq(extreme);
  return dims.length === x.ndim ? same.logicalOr(x.isnan().logicalAnd(extreme.isnan())) : same;
}

/** Equal extremes share the gradient. */
function extreme(whole: string, part: string): Rule<"amax" | "amin"> {
  return {
    name: named(whole, part),
    wrt: [
      {
        reads: A | OUT,
        vjp(g, { a, out }, { attrs, shape }) {
          const hits = sameAs(a, spread(out, attrs, shape), attrs).to(g.dtype);
          return hits.mul(spread(g.div(hits.sum([...attrs.dims], attrs.keepdim)), attrs, shape));
        },
      },
    ],
  };
}

/** The product of the others: what stands before each element, times what stands behind it. Right at zeros too. */
function prodBackward(g: Tensor, x: Tensor, attrs: Reduced, shape: Shape): Tensor {
  const { dims } = attrs;
  if (dims.length === 0) return g;
  const order = [...shape.keys()].filter((dim) => !dims.includes(dim)).concat(dims);
  const lines = x.permute(order).flatten(shape.length - dims.length);
  const others = before(lines).mul(before(lines.flip(-1)).flip(-1));
  const home = order.map((_, dim) => order.indexOf(dim));
  const back = others.reshape(order.map((dim) => shape[dim]!)).permute(home);
  return spread(g, attrs, shape).mul(back);
}

/** Running products of what stands before each element of the last dimension. */
function before(x: Tensor): Tensor {
  const size = x.shape.at(-1)!;
  if (size === 0) return x;
  const padding = x.shape.map((_, dim): [number, number] => (dim === x.ndim - 1 ? [1, 0] : [0, 0]));
  return apply("pad", [x.narrow(-1, 0, size - 1)], { padding, value: 1 }).cumprod(-1);
}

const backwards = (x: Tensor, dim: number, fold: (x: Tensor) => Tensor): Tensor => fold(x.flip(dim)).flip(dim);
const cumsumBackwards = (x: Tensor, dim: number): Tensor => backwards(x, dim, (y) => y.cumsum(dim));

/** For each k and i along a line: whether i ≥ k, and whether i = k. Both [n, n]. */
function triangle(n: number, device: string): readonly [upper: Tensor, diagonal: Tensor] {
  const [i, k] = [arange(0, n, { device }), arange(0, n, { device }).unsqueeze(1)];
  return [i.ge(k), i.eq(k)];
}

/** dL/dx_k = Σ_{i ≥ k} g_i Π_{j ≤ i, j ≠ k} x_j, written out in n² products: the form that is right at any order. */
function cumprodSquare(g: Tensor, x: Tensor, dim: number): Tensor {
  const [lines, grads] = [x.transpose(dim, -1), g.transpose(dim, -1)];
  const [upper, diagonal] = triangle(lines.shape.at(-1)!, x.device);
  const products = where(diagonal, 1, lines.unsqueeze(-2)).cumprod(-1);
  return where(upper, products, 0).mul(grads.unsqueeze(-2)).sum(-1).transpose(dim, -1);
}

/**
 * The same in a few passes: Σ_{i ≥ k} g_i out_i / x_k before the line's first zero; there, the product of all before it
 * times Σ of what follows; 0 behind.
 */
function cumprodBackward(g: Tensor, x: Tensor, out: Tensor, dim: number): Tensor {
  const isZero = x.eq(0);
  const zerosSoFar = isZero.cumsum(dim);
  const [clear, once] = [zerosSoFar.eq(0), zerosSoFar.eq(1)];
  const ahead = cumsumBackwards(where(clear, g.mul(out), 0), dim).div(where(isZero, 1, x));
  const first = once.logicalAnd(isZero);
  const behind = where(once.logicalAnd(isZero.logicalNot()), x, 1).cumprod(dim);
  const atZero = where(once, g.mul(behind), 0)
    .sum(dim, true)
    .mul(where(clear, x, 1).prod(dim, true));
  return where(clear, ahead, where(first, atZero, 0));
}

/** dL/dx_k = Σ_{i ≥ k} g_i exp(x_k − out_i). In n² for higher orders, in log space otherwise. */
function logcumsumexpBackward(g: Tensor, x: Tensor, out: Tensor, dim: number): Tensor {
  if (isGradEnabled()) {
    const [lines, outs, grads] = [x, out, g].map((t) => t.transpose(dim, -1)) as [Tensor, Tensor, Tensor];
    const [upper] = triangle(lines.shape.at(-1)!, x.device);
    const weights = where(upper, lines.unsqueeze(-1).sub(outs.unsqueeze(-2)), -Infinity).exp();
    return weights.mul(grads.unsqueeze(-2)).sum(-1).transpose(dim, -1);
  }
  const part = (positive: Tensor): Tensor =>
    backwards(positive.log().sub(out), dim, (y) => y.logcumsumexp(dim))
      .add(x)
      .exp();
  return part(g.relu()).sub(part(g.neg().relu()));
}

const atPositions: Rule<"cummax" | "cummin"> = {
  wrt: [
    {
      reads: POSITIONS,
      vjp: (g, { positions }, { attrs, shape }) =>
        zeros(shape, { dtype: g.dtype, device: g.device }).scatterAdd(attrs.dim, positions, g),
    },
  ],
};

export const reductions: Rules<ReduceOp | ScanOp> = {
  sum: {
    name: named("SumBackward0", "SumBackward1"),
    wrt: [{ reads: 0, vjp: (g, _, { attrs, shape }) => spread(g, attrs, shape) }],
  },
  prod: {
    name: named("ProdBackward0", "ProdBackward1"),
    wrt: [{ reads: A, vjp: (g, { a }, { attrs, shape }) => prodBackward(g, a, attrs, shape) }],
  },
  amax: extreme("MaxBackward1", "AmaxBackward0"),
  amin: extreme("MinBackward1", "AminBackward0"),
  argmax: nonDifferentiable,
  argmin: nonDifferentiable,
  any: nonDifferentiable,
  all: nonDifferentiable,
  cumsum: { wrt: [{ reads: 0, vjp: (g, _, { attrs }) => cumsumBackwards(g, attrs.dim) }] },
  cumprod: {
    wrt: [
      {
        reads: A | OUT,
        vjp: (g, { a, out }, { attrs: { dim }, shape }) =>
          shape.length === 0 ? g : isGradEnabled() ? cumprodSquare(g, a, dim) : cumprodBackward(g, a, out, dim),
      },
    ],
  },
  logcumsumexp: {
    wrt: [
      {
        reads: A | OUT,
        vjp: (g, { a, out }, { attrs: { dim }, shape }) =>
          shape.length === 0 ? g : logcumsumexpBackward(g, a, out, dim),
      },
    ],
  },
  cummax: atPositions,
  cummin: atPositions,
};
