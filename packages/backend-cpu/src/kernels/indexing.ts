/** Picking and placing by index tensors. Every index is checked before anything is written. */
import { type Attrs, type DType, fail, type Shape } from "@dl/tensor";
import type { ScalarName } from "../dense/element.ts";
import { engine, threads } from "../runtime/index.ts";
import type { Module } from "../wasm/emitter.ts";
import { type ArrayKernel, type ArrayView, axisOf, type Elements, elements, wordsOf } from "./array-kernel.ts";
import { Elementwise, perDType } from "./elementwise.ts";
import { add } from "./expression.ts";
import { buildCheck, buildPick, buildPlace } from "./indexing-loops.ts";

/** Positions as 32-bit numbers. @throws TensorError for one outside [0, size) */
function positions(op: string, index: ArrayView, size: number, dim: number): Int32Array {
  const words = wordsOf(index);
  const out = new Int32Array(index.data.length);
  for (let i = 0; i < out.length; i++) {
    const [low, high] = [words[2 * i]!, words[2 * i + 1]!];
    if (high !== 0 || low < 0 || low >= size) {
      fail(op, `index ${index.data[i]} is out of range for dimension ${dim} of size ${size}`);
    }
    out[i] = low;
  }
  return out;
}

/** Calls `visit(place in the indexed tensor, place in the index, place in the source)` for a gather or scatter. */
function eachPlace(
  target: Shape,
  index: Shape,
  at: Int32Array,
  dim: number,
  visit: (target: number, index: number) => void,
): void {
  const rank = target.length;
  const strides = new Array<number>(rank).fill(1);
  for (let d = rank - 2; d >= 0; d--) strides[d] = strides[d + 1]! * target[d + 1]!;
  const counter = new Int32Array(rank);
  const step = strides[dim]!;
  let base = 0;
  for (let i = 0; i < at.length; i++) {
    visit(base + at[i]! * step, i);
    for (let d = rank - 1; d >= 0; d--) {
      if (d !== dim) base += strides[d]!;
      if (++counter[d]! < index[d]!) break;
      if (d !== dim) base -= counter[d]! * strides[d]!;
      counter[d] = 0;
    }
  }
}

/** Elements below which a second thread does not pay. */
const PARALLEL = 2 ** 14;
const MAX_CHUNKS = 64;

/** Whether only the indexed dimension differs, so that kernels can walk. */
function isAligned(table: ArrayView, index: ArrayView, dim: number): boolean {
  return table.shape.length > 0 && index.shape.every((size, d) => d === dim || size === table.shape[d]);
}

/** Throws for the first index outside [0, size). */
function checkInside(op: string, index: ArrayView, size: number, dim: number): void {
  const { firstOutside } = engine.module<"firstOutside">("indices", buildCheck);
  const at = firstOutside(index.data.byteOffset, index.data.length, size);
  if (at < index.data.length) {
    fail(op, `index ${index.data[at]} is out of range for dimension ${dim} of size ${size}`);
  }
}

function walk(
  key: string,
  build: (m: Module) => void,
  dim: number,
  table: ArrayView,
  index: ArrayView,
  values: ArrayView,
): void {
  const { outer, size, inner } = axisOf(table.shape, dim);
  const [count, places] = [index.shape[dim]!, [table, index, values].map(({ data }) => data.byteOffset)];
  engine.module(key, build);
  const chunks = index.data.length < PARALLEL ? 1 : Math.min(outer, MAX_CHUNKS);
  threads.parallel(key, "walk", chunks, [outer, size, count, inner, ...places]);
}

export const gather: ArrayKernel<"gather"> = ([x, index], { dim }, [out]) => {
  if (isAligned(x!, index!, dim)) {
    const bytes = x!.data.BYTES_PER_ELEMENT;
    checkInside("gather", index!, x!.shape[dim]!, dim);
    walk(`pick ${bytes}`, (m) => buildPick(m, bytes), dim, x!, index!, out!);
    return;
  }
  const at = positions("gather", index!, x!.shape[dim]!, dim);
  const [from, to] = [elements(x!), elements(out!)];
  eachPlace(x!.shape, index!.shape, at, dim, (place, i) => {
    to[i] = from[place]!;
  });
};

const scalars: { readonly [D in DType]?: ScalarName } = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  int64: "i64",
};

const reductions = {
  replace: (_: number, b: number) => b,
  add: (a: number, b: number) => a + b,
  prod: (a: number, b: number) => a * b,
  amax: (a: number, b: number) => (b > a || Number.isNaN(b) ? b : a),
  amin: (a: number, b: number) => (b < a || Number.isNaN(b) ? b : a),
} as const;

export const scatter: ArrayKernel<"scatter"> = ([self, index, source], attrs, [out]) => {
  const { dim, reduce, includeSelf } = attrs;
  const name = scalars[out!.dtype];
  const isSimple = reduce === "replace" || (reduce === "add" && includeSelf);
  if (name && isSimple && isAligned(out!, index!, dim)) {
    checkInside("scatter", index!, out!.shape[dim]!, dim);
    out!.data.set(self!.data as never);
    const bytes = out!.data.BYTES_PER_ELEMENT;
    walk(`place ${reduce} ${name}`, (m) => buildPlace(m, name, bytes, reduce), dim, out!, index!, source!);
    return;
  }
  const at = positions("scatter", index!, self!.shape[attrs.dim]!, attrs.dim);
  const [to, from] = [elements(out!), elements(source!)];
  out!.data.set(self!.data as never);
  const place = placer(to, from, attrs);
  eachPlace(self!.shape, index!.shape, at, attrs.dim, place);
};

function placer(
  to: Elements,
  from: Elements,
  { reduce, includeSelf }: Attrs<"scatter">,
): (place: number, i: number) => void {
  const combine = reductions[reduce];
  const seen = includeSelf || reduce === "replace" ? undefined : new Uint8Array(to.length);
  return (place, i) => {
    const first = seen?.[place] === 0;
    if (seen) seen[place] = 1;
    to[place] = first ? from[i]! : combine(to[place]!, from[i]!);
  };
}

export const indexSelect: ArrayKernel<"indexSelect"> = ([x, index], { dim }, [out]) => {
  const { outer, size, inner } = axisOf(x!.shape, dim);
  const at = positions("indexSelect", index!, size, dim);
  const [from, to] = [x!.data, out!.data];
  let place = 0;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < at.length; i++, place += inner) copyRun(to, place, from, (o * size + at[i]!) * inner, inner);
  }
};

/** Runs from this length on are worth a call of `set`, or of a kernel. */
const LONG = 32;

function copyRun(to: ArrayView["data"], place: number, from: ArrayView["data"], start: number, count: number): void {
  if (count >= LONG) to.set(from.subarray(start, start + count) as never, place);
  else for (let j = 0; j < count; j++) (to as Float32Array)[place + j] = from[start + j] as number;
}

const sums = perDType((dtype) => new Elementwise("add", [dtype, dtype], dtype, (a, b) => add(a!, b!)));

function addRun(to: ArrayView, start: number, from: ArrayView, place: number, count: number): void {
  const bytes = to.data.BYTES_PER_ELEMENT;
  const target = to.data.byteOffset + start * bytes;
  sums(to.dtype).run([target, from.data.byteOffset + place * bytes], target, count);
}

export const indexAdd: ArrayKernel<"indexAdd"> = ([self, index, source], { dim }, [out]) => {
  const { outer, size, inner } = axisOf(self!.shape, dim);
  const at = positions("indexAdd", index!, size, dim);
  const [to, from] = [elements(out!), elements(source!)];
  out!.data.set(self!.data as never);
  let place = 0;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < at.length; i++) {
      const start = (o * size + at[i]!) * inner;
      if (inner >= LONG || out!.dtype === "bool") addRun(out!, start, source!, place, inner);
      else for (let j = 0; j < inner; j++) to[start + j]! += from[place + j]!;
      place += inner;
    }
  }
};

export const indexCopy: ArrayKernel<"indexCopy"> = ([self, index, source], { dim }, [out]) => {
  const { outer, size, inner } = axisOf(self!.shape, dim);
  const at = positions("indexCopy", index!, size, dim);
  out!.data.set(self!.data as never);
  let place = 0;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < at.length; i++, place += inner) {
      copyRun(out!.data, (o * size + at[i]!) * inner, source!.data, place, inner);
    }
  }
};
