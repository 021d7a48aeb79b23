/** Derivatives of picking, placing and ordering by index. */
import { apply, type OtherOps, type Shape, type Tensor, where, zeros } from "@dl/tensor";
import {
  A,
  B,
  C,
  type Formula,
  noGradient,
  nonDifferentiable,
  OUT,
  POSITIONS,
  type Rule,
  type Rules,
  type Site,
  type Values,
} from "./rule.ts";

/** One zero everywhere: kernels lay it out where they write. */
const blank = (like: Tensor, shape: Shape): Tensor =>
  zeros([], { dtype: like.dtype, device: like.device }).expand(shape);

type ScatterAttrs = OtherOps["scatter"];

const scatterInto = (
  x: Tensor,
  index: Tensor,
  source: Tensor,
  attrs: Partial<ScatterAttrs> & { dim: number },
): Tensor => apply("scatter", [x, index, source], { reduce: "replace", includeSelf: true, ...attrs });

/** `g` with zeros where something was written over it. */
const overwritten = (g: Tensor, index: Tensor, dim: number): Tensor =>
  scatterInto(g, index, blank(g, index.shape), { dim });

type Scatter = Formula<"scatter">["vjp"];

/** For the tensor scattered into and for the source, by reduction. */
const scatterWrt: { readonly [R in ScatterAttrs["reduce"]]: readonly [self: Scatter, source: Scatter] } = {
  replace: [(g, { b }, { attrs }) => overwritten(g, b, attrs.dim), (g, { b }, { attrs }) => g.gather(attrs.dim, b)],
  add: [(g) => g, (g, { b }, { attrs }) => g.gather(attrs.dim, b)],
  prod: [prodSelf, prodSource],
  amax: [extremeSelf, extremeSource],
  amin: [extremeSelf, extremeSource],
};

/** The product without self, which may be 0. */
function prodSelf(g: Tensor, { a, b, c }: Values, { attrs }: Site<"scatter">): Tensor {
  const solid = where(a.eq(0), 1, a);
  return g.mul(scatterInto(solid, b, c, attrs)).div(solid);
}

/** The product without each source element; right where at most one source of a place is 0. */
function prodSource(g: Tensor, { a, b, c, out }: Values, { attrs }: Site<"scatter">): Tensor {
  const { dim } = attrs;
  const isZero = c.eq(0);
  const count = scatterInto(blank(g, a.shape), b, isZero.to(g.dtype), { dim, reduce: "add" }).gather(dim, b);
  const alone = isZero.logicalAnd(count.eq(1));
  const without = scatterInto(a, b, where(alone, 1, c), attrs);
  return where(
    alone,
    g.mul(without).gather(dim, b),
    g
      .mul(out)
      .gather(dim, b)
      .div(where(isZero, 1, c)),
  );
}

/** The gradient of each place, shared by all that equal the extreme. */
function sharedOut(
  g: Tensor,
  { a, b, c, out }: Values,
  { dim, includeSelf }: ScatterAttrs,
): readonly [Tensor, Tensor, Tensor] {
  const all = a.eq(out).to(g.dtype);
  const self = includeSelf ? all : overwritten(all, b, dim);
  const source = c.eq(out.gather(dim, b)).to(g.dtype);
  return [g.div(scatterInto(self, b, source, { dim, reduce: "add" })), self, source];
}

function extremeSelf(g: Tensor, values: Values, { attrs }: Site<"scatter">): Tensor {
  const [share, self] = sharedOut(g, values, attrs);
  return share.mul(self);
}

function extremeSource(g: Tensor, values: Values, { attrs }: Site<"scatter">): Tensor {
  const [share, , source] = sharedOut(g, values, attrs);
  return share.gather(attrs.dim, values.b).mul(source);
}

const scatterReads = ({ reduce }: ScatterAttrs): number =>
  reduce === "replace" || reduce === "add" ? B : A | B | C | OUT;

const scatter: Rule<"scatter"> = {
  wrt: [
    {
      reads: scatterReads,
      vjp(g, values, site) {
        const { attrs } = site;
        const grad = scatterWrt[attrs.reduce][0](g, values, site) as Tensor;
        return attrs.includeSelf || attrs.reduce === "replace" ? grad : overwritten(grad, values.b, attrs.dim);
      },
    },
    noGradient,
    { reads: scatterReads, vjp: (g, values, site) => scatterWrt[site.attrs.reduce][1](g, values, site) },
  ],
};

const sorted: Rule<"sort" | "topk"> = {
  wrt: [
    {
      reads: POSITIONS,
      vjp: (g, { positions }, { attrs: { dim }, shape }) =>
        shape.length === 0 ? g : scatterInto(blank(g, shape), positions, g, { dim }),
    },
  ],
};

type IndexingOp =
  | "gather"
  | "scatter"
  | "indexSelect"
  | "indexAdd"
  | "indexCopy"
  | "sort"
  | "topk"
  | "full"
  | "arange"
  | "random";

export const indexing: Rules<IndexingOp> = {
  gather: {
    wrt: [
      {
        reads: B,
        vjp: (g, { b }, { attrs: { dim }, shape }) => scatterInto(blank(g, shape), b, g, { dim, reduce: "add" }),
      },
      noGradient,
    ],
  },
  scatter,
  indexSelect: {
    wrt: [
      { reads: B, vjp: (g, { b }, { attrs, shape }) => apply("indexAdd", [blank(g, shape), b, g], attrs) },
      noGradient,
    ],
  },
  indexAdd: {
    wrt: [
      { reads: 0, vjp: (g) => g },
      noGradient,
      { reads: B, vjp: (g, { b }, { attrs }) => apply("indexSelect", [g, b], attrs) },
    ],
  },
  indexCopy: {
    wrt: [
      {
        reads: B,
        vjp: (g, { b }, { attrs, shape }) =>
          apply("indexCopy", [g, b, blank(g, shape.with(attrs.dim, b.numel()))], attrs),
      },
      noGradient,
      { reads: B, vjp: (g, { b }, { attrs }) => apply("indexSelect", [g, b], attrs) },
    ],
  },
  sort: sorted,
  topk: sorted,
  full: nonDifferentiable,
  arange: nonDifferentiable,
  random: nonDifferentiable,
};
