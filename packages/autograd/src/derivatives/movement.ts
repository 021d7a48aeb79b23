/** Derivatives of what moves or relabels elements: views, copies, casts, joining and padding. */
import {
  apply,
  applyView,
  arange,
  isContiguous,
  ones,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
  type Tensor,
  type ViewOp,
  where,
  zeros,
} from "@dl/tensor";
import { A, type Geometry, noGradient, type Rules } from "./rule.ts";

/** The elements of `x`, a 1-d tensor, at the places of a geometry. */
export function placed(x: Tensor, { shape, strides, offset }: Geometry): Tensor {
  return applyView("asStrided", x, { shape, strides, offset }, shape, strides, offset);
}

/** A 1-d tensor of `length` zeros with `values` at the places of a geometry without overlap. */
export function laidOut(values: Tensor, length: number, at: Geometry): Tensor {
  if (length === values.numel() && at.offset === 0 && isContiguous(at.shape, at.strides))
    return values.reshape(length).clone();
  const flat = zeros([length], { dtype: values.dtype, device: values.device });
  placed(flat, at).copy_(values);
  return flat;
}

/** The same for places that may overlap: their values are added. */
function summedUp(values: Tensor, length: number, at: Geometry): Tensor {
  if (!overlaps(at)) return laidOut(values, length, at);
  const start = zeros([length], { dtype: values.dtype, device: values.device });
  return start.indexAdd(0, addresses(at, values.device).reshape(-1), values.reshape(-1));
}

/** Places of every element, counted from the storage's start. */
function addresses({ shape, strides, offset }: Geometry, device: string): Tensor {
  const along = shape.map((size, dim) =>
    arange(0, size, { device })
      .mul(strides[dim]!)
      .view(shape.map((_, d) => (d === dim ? size : 1))),
  );
  return along.reduce((sum, steps) => sum.add(steps), zeros(shape, { dtype: "int64", device }).add(offset));
}

/** Whether two elements may share a place: sorted by stride, each must reach beyond all that is inside it. */
function overlaps({ shape, strides }: Geometry): boolean {
  const dims = [...shape.keys()]
    .filter((dim) => shape[dim]! > 1)
    .sort((a, b) => Math.abs(strides[a]!) - Math.abs(strides[b]!));
  let reach = 0;
  for (const dim of dims) {
    const step = Math.abs(strides[dim]!);
    if (step <= reach) return true;
    reach += step * (shape[dim]! - 1);
  }
  return false;
}

/** Geometries moved to a common origin, and the length of 1-d memory that covers them. */
export function frame(...geometries: readonly Geometry[]): readonly [length: number, moved: readonly Geometry[]] {
  const solid = geometries.filter(({ shape }) => sizeOf(shape) > 0);
  const ends = solid.map(({ shape, strides, offset }) => {
    const reach = shape.map((size, dim) => (size - 1) * strides[dim]!);
    const sum = (keep: (r: number) => boolean): number => reach.filter(keep).reduce((a, b) => a + b, offset);
    return [sum((r) => r < 0), sum((r) => r > 0)] as const;
  });
  const low = Math.min(...ends.map(([first]) => first));
  const high = Math.max(...ends.map(([, last]) => last));
  const moved = geometries.map((g) => ({ ...g, offset: sizeOf(g.shape) > 0 ? g.offset - low : 0 }));
  return [solid.length > 0 ? high - low + 1 : 0, moved];
}

/** From a view's gradient to its source's, wherever both lie; places that several source elements share are divided. */
function asStridedBackward(g: Tensor, view: Geometry, source: Geometry): Tensor {
  const [length, [to, from]] = frame(view, source) as [number, [Geometry, Geometry]];
  const flat = summedUp(g, length, to);
  if (!overlaps(from)) return placed(flat, from);
  const count = summedUp(ones(from.shape, { dtype: g.dtype, device: g.device }), length, from);
  return placed(flat.div(where(count.eq(0), 1, count)), from);
}

interface Slice {
  readonly start: readonly number[];
  readonly size: Shape;
  readonly step: readonly number[];
}

function sliceBackward(g: Tensor, { start, size, step }: Slice, shape: Shape): Tensor {
  if (step.every((s) => s === 1)) {
    return apply("pad", [g], {
      padding: shape.map((n, d): [number, number] => [start[d]!, n - start[d]! - size[d]!]),
      value: 0,
    });
  }
  if (sameShape(size, shape) && sizeOf(size) > 0) {
    // Turned around: so is the gradient.
    const first = g.strides.reduce((sum, stride, d) => sum + stride * start[d]!, g.offset);
    const turned = g.strides.map((stride, d) => stride * step[d]!);
    return applyView("slice", g, { start, size, step }, size, turned, first);
  }
  const strides = stridesOf(shape);
  const offset = sizeOf(size) === 0 ? 0 : strides.reduce((sum, stride, d) => sum + stride * start[d]!, 0);
  const places = { shape: size, strides: strides.map((stride, d) => stride * step[d]!), offset };
  return laidOut(g, sizeOf(shape), places).view(shape);
}

/** PyTorch's name of a reshape, by what became of the dimensions of size 1. */
function reshapeName({ shape }: { readonly shape: Shape }, from: Shape): string {
  const solid = (s: Shape): string => s.filter((size) => size !== 1).join();
  if (solid(shape) !== solid(from) || shape.length === from.length) return "ViewBackward0";
  return shape.length < from.length ? "SqueezeBackward0" : "UnsqueezeBackward0";
}

function permuteName({ dims }: { readonly dims: readonly number[] }): string {
  const moved = dims.filter((dim, i) => dim !== i).length;
  if (moved !== 2) return "PermuteBackward0";
  return dims.length === 2 ? "TBackward0" : "TransposeBackward0";
}

type MovementOp = ViewOp | "transfer" | "cast" | "copy" | "where" | "cat" | "pad";

export const movement: Rules<MovementOp> = {
  reshape: { name: reshapeName, wrt: [{ reads: 0, vjp: (g, _, { shape }) => g.reshape(shape) }] },
  permute: {
    name: permuteName,
    wrt: [{ reads: 0, vjp: (g, _, { attrs: { dims } }) => g.permute(dims.map((_d, i) => dims.indexOf(i))) }],
  },
  expand: { wrt: [{ reads: 0, vjp: (g) => g }] },
  slice: { wrt: [{ reads: 0, vjp: (g, _, { attrs, shape }) => sliceBackward(g, attrs, shape) }] },
  asStrided: {
    note: ([input]) => {
      const { shape, strides, offset } = input as Tensor;
      return { shape, strides, offset };
    },
    wrt: [{ reads: 0, vjp: (g, _, { attrs, note }) => asStridedBackward(g, attrs, note) }],
  },
  transfer: {
    name: "ToCopyBackward0",
    note: ([input]) => (input as Tensor).device,
    wrt: [{ reads: 0, vjp: (g, _, { note }) => g.to({ device: note }) }],
  },
  cast: { name: "ToCopyBackward0", wrt: [{ reads: 0, vjp: (g) => g }] },
  copy: { name: "CloneBackward0", wrt: [{ reads: 0, vjp: (g) => g }] },
  where: {
    wrt: [noGradient, { reads: A, vjp: (g, { a }) => where(a, g, 0) }, { reads: A, vjp: (g, { a }) => where(a, 0, g) }],
  },
  cat: {
    variadic: true,
    note: (inputs, { dim }) => {
      let start = 0;
      return inputs.map((input) => (start += (input as Tensor).shape[dim]!) - (input as Tensor).shape[dim]!);
    },
    wrt: [
      { reads: 0, vjp: (g, _, { attrs: { dim }, note, index, shape }) => g.narrow(dim, note[index]!, shape[dim]!) },
    ],
  },
  pad: {
    name: "ConstantPadNdBackward0",
    wrt: [
      {
        reads: 0,
        vjp: (g, _, { attrs: { padding }, shape }) =>
          shape.reduce((x, size, dim) => (x.shape[dim] === size ? x : x.narrow(dim, padding[dim]![0], size)), g),
      },
    ],
  },
};
