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
  /** [merged, ...rest] */
  readonly rows: Tensor;
  /** 1-d int64 positions into `merged`. */
  readonly flat: Tensor;
  /** The common shape of the index tensors. */
  readonly shape: Shape;
  /** Dimensions of the input: the indexed ones, then the others. */
  readonly order: readonly number[];
  /** Where the index dimensions go in the result. */
  readonly home: number;
}

/** Elements at `picks` (`null`: the whole dimension). */
export function pick(input: Tensor, picks: readonly (Tensor | null)[]): Tensor {
  const { rows, flat, shape, home } = flatten(input, picks);
  const found = apply("indexSelect", [rows, flat], { dim: 0 });
  return moveHome(found.view([...shape, ...rows.shape.slice(1)]), shape.length, home);
}

/** A copy of `input` with `values` written (or added) at `picks`. */
export function place(input: Tensor, picks: readonly (Tensor | null)[], values: Tensor, accumulate: boolean): Tensor {
  const { rows, flat, shape, order, home } = flatten(input, picks);
  const rest = rows.shape.slice(1);
  const target = [...rest.slice(0, home), ...shape, ...rest.slice(home)];
  const lead = values.ndim - target.length;
  const trimmed = lead > 0 ? values.view(values.shape.slice(lead)) : values;
  const source = moveAway(trimmed.expand(target), shape.length, home).reshape([flat.numel(), ...rest]);
  const written = placeInto(accumulate ? "indexAdd" : "indexCopy", [rows, flat, source], { dim: 0 });
  const back = order.map((_, dim) => order.indexOf(dim));
  return written.view(order.map((dim) => input.shape[dim]!)).permute(back);
}

function flatten(input: Tensor, picks: readonly (Tensor | null)[]): Flattened {
  const dims = picks.flatMap((item, dim) => (item ? [dim] : []));
  const rest = input.shape.flatMap((_, dim) => (picks[dim] ? [] : [dim]));
  const order = [...dims, ...rest];
  const shape = dims.map((dim) => picks[dim]!.shape).reduce((a, b) => broadcastShapes("at", a, b));
  const sizes = dims.map((dim) => input.shape[dim]!);
  const flat = dims
    .map((dim) => normalized("at", picks[dim]!, dim, input.shape[dim]!))
    .reduce((sum, index, i) => sum.mul(sizes[i]!).add(index));
  const adjacent = dims.every((dim, i) => i === 0 || dim === dims[i - 1]! + 1);
  return {
    rows: input.permute(order).reshape([sizeOf(sizes), ...rest.map((dim) => input.shape[dim]!)]),
    flat: flat.expand(shape).reshape(sizeOf(shape)),
    shape,
    order,
    home: adjacent ? dims[0]! : 0,
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

function moveHome(x: Tensor, count: number, home: number): Tensor {
  if (home === 0) return x;
  const dims = x.shape.map((_, dim) => dim);
  const rest = dims.slice(count);
  return x.permute([...rest.slice(0, home), ...dims.slice(0, count), ...rest.slice(home)]);
}

function moveAway(x: Tensor, count: number, home: number): Tensor {
  if (home === 0) return x;
  const dims = x.shape.map((_, dim) => dim);
  return x.permute([...dims.slice(home, home + count), ...dims.slice(0, home), ...dims.slice(home + count)]);
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
