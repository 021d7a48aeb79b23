/**
 * How a reduction walks over memory: its dimensions, merged where possible, as those that are kept and those reduced.
 */
import type { Shape, View } from "@dl/tensor";

/** A merged dimension; the stride counts elements. */
export interface Level {
  readonly size: number;
  readonly stride: number;
}

/**
 * There are two ways. `rows`: `inner` is a reduced dimension, and each output folds a run of it for every place of
 * `reduced`. `columns`: `inner` is a kept dimension whose elements lie side by side, and whole rows of it are folded
 * into each other.
 */
export interface FoldPlan {
  readonly way: "rows" | "columns";
  readonly kept: readonly [Level, Level];
  readonly reduced: readonly [Level, Level];
  readonly inner: Level;
}

const single: Level = { size: 1, stride: 0 };

/** The plan to reduce `dims`; `undefined` if more dimensions are left than the loops have. */
export function planFold(view: View, dims: Shape): FoldPlan | undefined {
  if (view.shape.includes(0)) return nothing(levels(view, dims, false));
  const kept = merged(levels(view, dims, false));
  const reduced = merged(levels(view, dims, true).sort((a, b) => Math.abs(b.stride) - Math.abs(a.stride)));
  const columns = kept.at(-1)?.stride === 1 && reduced.length > 0;
  const inner = (columns ? kept.pop() : reduced.pop()) ?? { size: 1, stride: 1 };
  if (kept.length > 2 || reduced.length > 2) return undefined;
  return {
    way: columns ? "columns" : "rows",
    kept: [kept.length === 2 ? kept[0]! : single, kept.at(-1) ?? single],
    reduced: [reduced[0] ?? single, reduced[1] ?? single],
    inner,
  };
}

/** The plan for an empty tensor, whose strides mean nothing and might not merge. */
function nothing(kept: readonly Level[]): FoldPlan {
  const size = kept.reduce((product, level) => product * level.size, 1);
  return { way: "rows", kept: [single, { size, stride: 0 }], reduced: [single, single], inner: { size: 0, stride: 1 } };
}

/** The dimensions in `dims` (or those outside, if `inside` is false), in order. */
export function levels({ shape, strides }: View, dims: Shape, inside: boolean): Level[] {
  const found: Level[] = [];
  for (let dim = 0; dim < shape.length; dim++) {
    if (dims.includes(dim) === inside) found.push({ size: shape[dim]!, stride: strides[dim]! });
  }
  return found;
}

/** Merges neighbouring dimensions where a step of the outer one is just as long as the whole inner one. */
export function merged(list: readonly Level[]): Level[] {
  const result: Level[] = [];
  for (const level of list) {
    if (level.size === 1) continue;
    const last = result.at(-1);
    if (last?.stride === level.size * level.stride) {
      result[result.length - 1] = { size: last.size * level.size, stride: level.stride };
    } else result.push(level);
  }
  return result;
}

/** The view with the kept dimensions first and `dims` last. */
export function keptFirst(view: View, dims: Shape): View {
  const { storage, offset, dtype } = view;
  const all = [...[...view.shape.keys()].filter((dim) => !dims.includes(dim)), ...dims];
  const [shape, strides] = [view.shape, view.strides].map((list) => all.map((dim) => list[dim]!));
  return { storage, offset, dtype, shape: shape!, strides: strides! };
}
