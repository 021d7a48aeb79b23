/** Where the largest and the smallest elements are: the first of them, or the first NaN. */
import { dtypes, type Shape, type View } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { keptFirst, type Level, levels, merged } from "./fold-plan.ts";
import type { Kernel, Output } from "./kernel.ts";
import { ABREAST, buildAbreast } from "./positions-columns.ts";
import { buildLines, buildPositions, LONG, type PositionOp } from "./positions-loops.ts";
import { withTemporaries } from "./temporary.ts";

const PARALLEL = 2 ** 15;
const single: Level = { size: 1, stride: 0 };
const builders = { any: buildPositions, lines: buildLines, abreast: buildAbreast } as const;

function positions<K extends PositionOp>(name: K): Kernel<K> {
  return ({ inputs, attrs }, [out]) => find(name, inputs[0] as View, (attrs as { readonly dims: Shape }).dims, out!);
}

function find(name: PositionOp, x: View, dims: Shape, out: Output): void {
  const kept = merged(levels(x, dims, false));
  const inner = merged(levels(x, dims, true));
  if (x.shape.includes(0)) return;
  if (kept.length <= 2 && inner.length <= 1) launch(name, x, kept, inner[0] ?? single, out);
  else {
    withTemporaries(out, (temporaries) => {
      const copy = temporaries.rowMajor(keptFirst(x, dims));
      const last = dims.map((_, i) => x.shape.length - dims.length + i);
      find(name, copy, last, out);
    });
  }
}

function launch(name: PositionOp, x: View, kept: readonly Level[], inner: Level, out: Output): void {
  const way = wayOf(kept, inner);
  const key = `${name} ${way} ${x.dtype}`;
  engine.module(key, (m) => builders[way](m, name, x.dtype));
  const width = way === "abreast" ? kept.at(-1)!.size : 1;
  const outer = way === "abreast" ? kept.slice(0, -1) : kept;
  const { bytes } = dtypes[x.dtype];
  const [first, second] = [outer.at(-2) ?? single, outer.at(-1) ?? single];
  const units = first.size * second.size * Math.ceil(width / ABREAST);
  // biome-ignore format: in the order of params
  const args = [
    units, addressOf(x), out.address,
    second.size, first.stride * bytes, second.stride * bytes, inner.size, inner.stride * bytes, width,
  ];
  const chunks = first.size * second.size * width * inner.size < PARALLEL ? 1 : Math.min(units, 64);
  threads.parallel(key, "positions", chunks, args, 16 * ABREAST);
}

function wayOf(kept: readonly Level[], inner: Level): keyof typeof builders {
  if (kept.at(-1)?.stride === 1) return "abreast";
  return inner.stride === 1 && inner.size >= LONG ? "lines" : "any";
}

export const argmax: Kernel<"argmax"> = positions("argmax");
export const argmin: Kernel<"argmin"> = positions("argmin");
