/** Weighted sums along one dimension. Taps are written down as distances in bytes; lines that lie packed are turned first. */
import type { Taps, View } from "@dl/tensor";
import { elements } from "../dense/element.ts";
import { engine, heap, threads } from "../runtime/index.ts";
import { axisOf } from "./array-kernel.ts";
import { inFloats } from "./floats.ts";
import type { Kernel } from "./kernel.ts";
import { buildResample, LINES, TILE } from "./resample-loops.ts";
import type { Temporaries } from "./temporary.ts";

/** Products that are worth a chunk of their own. */
const GRAIN = 2 ** 14;
const MAX_CHUNKS = 64;
/** Elements of the longest line that is turned, and lines from which that pays. */
const LONGEST = 2 ** 14;
const FEWEST = 3;

export const resample: Kernel<"resample"> = ({ inputs, attrs: { dim, taps } }, [out]) => {
  const [x] = inputs as readonly [View];
  const { outer, size, inner } = axisOf(x.shape, dim);
  const count = out!.shape[dim]!;
  if (outer * inner * count === 0) return;
  inFloats("resample", [x], out!, (type, [input], output, temporaries) => {
    const { bytes } = elements[type];
    const turns = type === "f32" && inner === 1 && outer >= FEWEST && size <= LONGEST;
    const tables = write(temporaries, taps, (turns ? LINES : inner) * bytes, bytes === 8);
    const units = turns ? Math.ceil(outer / LINES) : outer * count;
    const work = outer * inner * Math.max(size, count, taps.sources.length);
    const key = `resample ${type}`;
    engine.module(key, (m) => buildResample(m, elements[type]));
    const chunks = Math.max(1, Math.min(units, MAX_CHUNKS, Math.floor(work / GRAIN)));
    const args = [units, outer, size, count, inner, input!, output, ...tables];
    threads.parallel(key, turns ? "turned" : "rows", chunks, args, turns ? (size + TILE) * LINES * bytes : 0);
  });
};

/** The addresses of the bounds, the distances of sources that lie `step` bytes apart, and the weights. */
function write(temporaries: Temporaries, { bounds, sources, weights }: Taps, step: number, double: boolean): number[] {
  const length = sources.length;
  const room = temporaries.make([bounds.length + length + (double ? 2 : 1) * length + 1], "int32");
  const words = room.address / 4;
  const view = heap.i32;
  for (let i = 0; i < bounds.length; i++) view[words + i] = bounds[i]!;
  const distances = words + bounds.length;
  for (let k = 0; k < length; k++) view[distances + k] = sources[k]! * step;
  const first = Math.ceil((distances + length) / 2) * 2;
  const factors = double ? heap.f64 : heap.f32;
  for (let k = 0; k < length; k++) factors[(double ? first / 2 : first) + k] = weights[k]!;
  return [words * 4, distances * 4, first * 4];
}
