/**
 * Weighted sums along dimensions, one after the other. Where there are many planes, a few go through all stages while they
 * are near; else each stage is shared out by rows. Lines that lie packed are turned first.
 */
import { type Attrs, type Shape, sizeOf, type Taps, type View } from "@dl/tensor";
import { elements, type FloatName } from "../dense/element.ts";
import { engine, heap, threads } from "../runtime/index.ts";
import { asStored, axisOf, overArrays } from "./array-kernel.ts";
import { inFloats } from "./floats.ts";
import { indexSelect } from "./indexing.ts";
import type { Kernel, Output } from "./kernel.ts";
import { buildResample, linesOf, stageWords, TILE } from "./resample-loops.ts";
import { type Temporaries, type Temporary, withTemporaries } from "./temporary.ts";

/** Products that are worth a chunk of their own. */
const GRAIN = 2 ** 14;
const MAX_CHUNKS = 64;
/** Elements of the longest line that is turned, and lines from which that pays. */
const LONGEST = 2 ** 14;
const FEWEST = 3;
/** Bytes between stages that stay in the caches, and units of planes that are enough for all threads. */
const NEAR = 2 ** 18;
const MANY = 16;
const STAGE = 4 * stageWords.length;

interface Stage {
  readonly taps: Taps;
  readonly outer: number;
  readonly size: number;
  readonly count: number;
  readonly inner: number;
  readonly turned: boolean;
  readonly work: number;
}

/** A call with the addresses of its input and output. */
interface Task {
  readonly type: FloatName;
  readonly bytes: number;
  readonly stages: readonly Stage[];
  readonly planes: number;
  readonly x: number;
  readonly y: number;
  readonly temporaries: Temporaries;
}

export const resample: Kernel<"resample"> = ({ inputs, attrs }, [out]) => {
  const [view] = inputs as readonly [View];
  if (sizeOf(out!.shape) === 0) return;
  if (attrs.stages.every(({ taps }) => isPick(taps))) pickAll(view, attrs.stages, out!);
  else sumUp(view, attrs.stages, out!);
};

type Stages = Attrs<"resample">["stages"];

function sumUp(view: View, along: Stages, out: Output): void {
  inFloats("resample", [view], out, (type, [x], y, temporaries) => {
    const { bytes } = elements[type];
    engine.module(keyOf(type), (m) => buildResample(m, elements[type]));
    const planes = sizeOf(view.shape.slice(0, Math.min(...along.map(({ dim }) => dim))));
    const task = { type, bytes, stages: stagesOf(view.shape, along), planes, x: x!, y, temporaries };
    const between = Math.max(0, ...task.stages.slice(0, -1).map((stage) => bytesOf(stage.count, stage, task)));
    if (between > 0 && between <= NEAR && planes >= MANY) overPlanes(task, between);
    else overStages(task);
  });
}

const pick = overArrays<"indexSelect">(indexSelect, asStored);

/** Whether each output is one element, as it is. */
const isPick = ({ bounds, weights }: Taps): boolean =>
  Array.from(bounds).every((bound, i) => bound === i) && Array.from(weights).every((weight) => weight === 1);

/** Single elements are picked, which is faster than to sum them. */
function pickAll(view: View, stages: Stages, out: Output): void {
  withTemporaries(out, (temporaries) => {
    let from = view;
    for (const [i, { dim, taps }] of stages.entries()) {
      const { length } = taps.sources;
      const index = temporaries.make([length], "int64");
      (index.storage.raw as BigInt64Array).set(Array.from(taps.sources, BigInt));
      const isLast = i === stages.length - 1;
      const to = isLast ? out : temporaries.make(from.shape.with(dim, length), view.dtype);
      pick({ op: "indexSelect", inputs: [from, index], attrs: { dim }, outputs: [to] }, [to]);
      if (!isLast) from = to as Temporary;
    }
  });
}

const keyOf = (type: FloatName): string => `resample ${type}`;
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Bytes of one plane, before or after a stage. */
function bytesOf(length: number, { outer, inner }: Stage, { planes, bytes }: Task): number {
  return (outer / planes) * length * inner * bytes;
}

function stagesOf(shape: Shape, stages: readonly { readonly dim: number; readonly taps: Taps }[]): Stage[] {
  let from = shape;
  return stages.map(({ dim, taps }) => {
    const { outer, size, inner } = axisOf(from, dim);
    const count = taps.bounds.length - 1;
    from = from.with(dim, count);
    const turned = inner === 1 && outer >= FEWEST && size <= LONGEST;
    const work = outer * inner * Math.max(size, count, taps.sources.length);
    return { taps, outer, size, count, inner, turned, work };
  });
}

/** As many planes at a time as are near together; what lies between stages is kept in two places in turn. */
function overPlanes(task: Task, between: number): void {
  const { stages, planes, x, y } = task;
  const per = Math.max(1, Math.min(Math.floor(NEAR / between), Math.floor(planes / MANY)));
  const turning = turningBytes(task);
  const table = write(
    task,
    stages.map((_, i) => turning + (i % 2) * between * per),
  );
  const [first, last] = [stages[0]!, stages.at(-1)!];
  const sizes = [bytesOf(first.size, first, task), bytesOf(last.count, last, task)];
  const units = Math.ceil(planes / per);
  const work = total(stages.map((stage) => stage.work));
  const args = [units, per, planes, x, y, ...sizes, table, table + STAGE * stages.length];
  run(task, "planes", units, work, args, turning + 2 * between * per);
}

function overStages(task: Task): void {
  const { stages, temporaries, type, bytes, y } = task;
  const table = write(task, []);
  let from = task.x;
  for (const [i, { outer, count, inner, turned, work }] of stages.entries()) {
    const units = turned ? Math.ceil(outer / linesOf(bytes)) : outer * count;
    const isLast = i === stages.length - 1;
    const dtype = type === "f32" ? "float32" : "float64";
    const to = isLast ? y : temporaries.make([outer, count, inner], dtype).address;
    run(task, "stage", units, work, [units, outer, from, to, table + STAGE * i], turningBytes(task));
    from = to;
  }
}

function turningBytes({ stages, bytes }: Task): number {
  const sizes = stages.filter(({ turned }) => turned).map(({ size }) => size);
  return sizes.length === 0 ? 0 : (Math.max(...sizes) + TILE) * linesOf(bytes) * bytes;
}

function run(
  { type }: Task,
  name: "stage" | "planes",
  units: number,
  work: number,
  args: readonly number[],
  scratch: number,
): void {
  const chunks = Math.max(1, Math.min(units, MAX_CHUNKS, Math.floor(work / GRAIN)));
  threads.parallel(keyOf(type), name, chunks, args, scratch);
}

/** Writes down what the stages are, `places` for what they make in scratch; then their weights, bounds and distances. */
function write({ stages, planes, bytes, temporaries }: Task, places: readonly number[]): number {
  const wide = bytes / 4;
  const even = (words: number): number => Math.ceil(words / 2) * 2;
  const lengths = stages.map(({ count, taps }) => even(taps.sources.length * (wide + 1) + count + 1));
  let at = even((STAGE / 4) * stages.length);
  const { address } = temporaries.make([at + total(lengths)], "int32");
  const factors = wide === 2 ? heap.f64 : heap.f32;
  for (const [i, { taps, outer, size, count, inner, turned }] of stages.entries()) {
    const [stage, weights] = [address / 4 + (STAGE / 4) * i, address / 4 + at];
    const bounds = weights + taps.sources.length * wide;
    const distances = bounds + count + 1;
    const tables = [bounds, distances, weights].map((table) => 4 * (table - stage));
    heap.i32.set([Number(turned), outer / planes, size, count, inner, ...tables, places[i] ?? 0], stage);
    factors.set(taps.weights, weights / wide);
    heap.i32.set(taps.bounds, bounds);
    const step = (turned ? linesOf(bytes) : inner) * bytes;
    for (let k = 0; k < taps.sources.length; k++) heap.i32[distances + k] = taps.sources[k]! * step;
    at += lengths[i]!;
  }
  return address;
}
