/** Reading and writing by index tensors, several dimensions at once: they become one flat index on merged dimensions. */
import { fail } from "../errors.ts";
import { tidy } from "../scope.ts";
import { broadcastShapes, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { where } from "./arithmetic.ts";
import { fromArray } from "./creation.ts";
import { extremes } from "./extremes.ts";
import { peek } from "./reading.ts";
import { placeInto } from "./writing.ts";

interface Flattened {
  /** The input, of whose dimensions the indexed ones are one. They come first where others lie between them. */
  readonly rows: Tensor;
  /** That dimension. */
  readonly dim: number;
  /** 1-d int64 positions in it. */
  readonly flat: Tensor;
  /** The common shape of the index tensors. */
  readonly shape: Shape;
  /** Dimensions of the input, in the order of those of `rows`. */
  readonly order: readonly number[];
}

/** Elements at `picks` (`null`: the whole dimension). */
export function pick(input: Tensor, picks: readonly (Tensor | null)[]): Tensor {
  const { rows, dim, flat, shape } = flatten(input, picks);
  return apply("indexSelect", [rows, flat], { dim }).view(rows.shape.toSpliced(dim, 1, ...shape));
}

/** A copy of `input` with `values` written (or added) at `picks`. */
export function place(input: Tensor, picks: readonly (Tensor | null)[], values: Tensor, accumulate: boolean): Tensor {
  const { rows, dim, flat, shape, order } = flatten(input, picks);
  const target = rows.shape.toSpliced(dim, 1, ...shape);
  const lead = values.ndim - target.length;
  const trimmed = lead > 0 ? values.view(values.shape.slice(lead)) : values;
  const source = trimmed.expand(target).reshape(rows.shape.with(dim, flat.numel()));
  const written = placeInto(accumulate ? "indexAdd" : "indexCopy", [rows, flat, source], { dim });
  const back = order.map((_, at) => order.indexOf(at));
  return written.view(order.map((at) => input.shape[at]!)).permute(back);
}

function flatten(input: Tensor, picks: readonly (Tensor | null)[]): Flattened {
  const dims = picks.flatMap((item, dim) => (item ? [dim] : []));
  const all = [...input.shape.keys()];
  const isAdjacent = dims.every((dim, i) => dim === dims[0]! + i);
  const order = isAdjacent ? all : [...dims, ...all.filter((dim) => !picks[dim])];
  const shape = dims.map((dim) => picks[dim]!.shape).reduce((a, b) => broadcastShapes("at", a, b));
  const sizes = dims.map((dim) => input.shape[dim]!);
  const flat = dims
    .map((dim) => normalized("at", picks[dim]!, dim, input.shape[dim]!))
    .reduce((sum, index, i) => sum.mul(sizes[i]!).add(index));
  const dim = order.indexOf(dims[0]!);
  const merged = order.map((at) => input.shape[at]!).toSpliced(dim, dims.length, sizeOf(sizes));
  return {
    rows: (isAdjacent ? input : input.permute(order)).reshape(merged),
    dim,
    flat: flat.expand(shape).reshape(sizeOf(shape)),
    shape,
    order,
  };
}

/** Negative positions count from the end; those outside are refused where the host can look. */
export function normalized(name: string, index: Tensor, dim: number, size: number): Tensor {
  if (index.backend.hostMemory && index.numel() > 0) {
    const [low, high] = extremes(index).map((at) => at.item()) as [number, number];
    if (low < -size || high >= size) {
      fail(name, `index ${low < -size ? low : high} is out of range for dimension ${dim} of size ${size}`);
    }
    if (low >= 0) return index;
  }
  return where(index.lt(0), index.add(size), index);
}

/** int64 positions of the non-zero elements, [count, ndim]. */
export function nonzero(input: Tensor): Tensor {
  return tidy(() => {
    const mask = input.dtype === "bool" ? input : input.ne(0);
    if (mask.numel() === 0 || mask.ndim === 0 || !mask.backend.supports("nonzero")) return byHost(mask);
    return apply("nonzero", [mask], { count: mask.sum().item() });
  });
}

function byHost(input: Tensor): Tensor {
  const mask = peek(input, "nonzero") as Uint8Array;
  const { shape, device } = input;
  const found = Int32Array.from(mask.keys()).filter((place) => mask[place]);
  const at = shape.length === 1 ? found : coordinates(found, shape);
  return fromArray(at, [found.length, shape.length], { dtype: "int64", device });
}

/** Places in a row-major tensor by dimension. */
function coordinates(places: Int32Array, shape: Shape): Int32Array {
  const rank = shape.length;
  const out = new Int32Array(places.length * rank);
  const rest = places.slice();
  for (let dim = rank - 1; dim >= 0; dim--) {
    const size = shape[dim]!;
    for (let i = 0, at = dim; i < rest.length; i++, at += rank) {
      const outer = (rest[i]! / size) | 0;
      out[at] = rest[i]! - outer * size;
      rest[i] = outer;
    }
  }
  return out;
}
