/**
 * Launches the kernels that pick and place elements by index tensors; see `indexing-loops.ts` for the terms. An index
 * outside its table throws, and then the output is left unfinished.
 */
import { fail, isContiguous, type Shape, type View } from "@dl/tensor";
import { engine, heap, memory, threads } from "../runtime/index.ts";
import type { Module } from "../wasm/emitter.ts";
import { type ArrayKernel, type ArrayView, asNumbers, asStored, axisOf, overArrays } from "./array-kernel.ts";
import { convert, copyPacked, fill } from "./copy.ts";
import { buildPick, buildPlace, type Placing } from "./indexing-elements.ts";
import { buildPickRows, buildPlaceRows } from "./indexing-rows.ts";
import { areInside, isBlank } from "./indices.ts";
import type { Kernel } from "./kernel.ts";
import { part } from "./movement.ts";
import { isTally, tally } from "./tally.ts";
import { viewOf, withTemporaries } from "./temporary.ts";

/** With fewer elements a second thread does not pay. Also the size of a unit that picks. */
const PARALLEL = 2 ** 14;
const MAX_CHUNKS = 64;
/** So many outer positions are units enough for all threads. */
const MANY = 16;
const failure = memory.allocate(64);

/**
 * How the work at one outer position is cut into units. Picking may be cut in any way. Placing is cut by the places
 * that are written, so that each place is written by one unit, in the order of the indices.
 */
type Cut = "rows of values" | "columns" | "rows of the table";

interface Walk {
  readonly op: string;
  readonly key: string;
  readonly build: (m: Module) => void;
  readonly cut: Cut;
  readonly dim: number;
  readonly table: ArrayView;
  readonly index: ArrayView;
  readonly values: ArrayView;
  /** The number of indices along the dimension, if a single row of values is placed at all of them. */
  readonly count?: number;
  /** The initial contents of a table that is written. A single element is a zero, which stands for all of it. */
  readonly self?: ArrayView;
}

function walk(how: Walk): void {
  const { op, key, build, cut, dim, table, index, values } = how;
  const { self = table, count = values.shape[dim]! } = how;
  const { outer, size, inner } = axisOf(table.shape, dim);
  const isBlank = self.data.length < table.data.length;
  const beginFirst = (): void => (isBlank ? fill({ ...table, address: addressOf(table) }, 0) : copyAll(self, table));
  if (count * values.data.length === 0) {
    beginFirst();
    return;
  }
  const isInPlace = cut !== "rows of values" && addressOf(self) === addressOf(table);
  // In place, nothing may be written if any index is wrong.
  if (isInPlace && !areInside(addressOf(index), index.data.length, size)) refuse(op, index, size, dim);
  const [parts, per] = partsOf(cut, outer, size, count, inner);
  const indexStep = index.data.length === count ? 0 : 8 * count * inner;
  const isFar = (cut === "columns" && parts > 1) || (isBlank && indexStep !== 8);
  if (isFar) beginFirst();
  const begins = isBlank && !isFar ? 0 : addressOf(isFar ? table : self);
  const work = outer * inner * (count + (begins ? 0 : size));
  // biome-ignore format: in the order of walkParams
  const args = [
    outer * parts, parts, per, size, count, values.shape[dim]!, inner, indexStep,
    addressOf(table), addressOf(index), addressOf(values), begins, failure.address,
  ];
  engine.module(key, build);
  heap.i32[failure.address / 4] = 0;
  threads.parallel(key, "walk", work < PARALLEL ? 1 : Math.min(outer * parts, MAX_CHUNKS), args);
  if (heap.i32[failure.address / 4] !== 0) refuse(op, index, size, dim);
}

/**
 * The number of parts of an outer position, and the rows or columns of each. Columns are not cut too finely, since each
 * part reads all indices. So do parts of rows of the table, which moreover skip through the values; if there is only
 * one thread, these are not cut at all.
 */
function partsOf(cut: Cut, outer: number, size: number, count: number, inner: number): [parts: number, per: number] {
  const ways = { "rows of values": count, columns: inner, "rows of the table": size };
  const most = {
    "rows of values": MAX_CHUNKS,
    columns: Math.min(inner / 32, MANY / outer),
    "rows of the table": Math.min(inner / 16, outer < MANY && threads.count > 1 ? 2 * threads.count : 1),
  };
  const wanted = Math.min(most[cut], (count * inner) / PARALLEL);
  const per = Math.ceil(ways[cut] / Math.max(1, wanted));
  return [Math.ceil(ways[cut] / per), per];
}

function copyAll(from: ArrayView, to: ArrayView): void {
  if (addressOf(from) !== addressOf(to))
    copyPacked(addressOf(from), addressOf(to), to.data.length, to.data.BYTES_PER_ELEMENT);
}

const addressOf = ({ data }: ArrayView): number => data.byteOffset;

function refuse(op: string, index: ArrayView, size: number, dim: number): never {
  const wrong = (index.data as BigInt64Array).find((at) => at < 0n || at >= size);
  fail(op, `index ${wrong} is out of range for dimension ${dim} of size ${size}`);
}

/**
 * Prepares the initial contents of the table for a kernel: an expanded zero becomes a single one; contents that are not
 * row-major are copied to the output first, where the kernel finds them.
 */
function laidOut<K extends "scatter" | "indexAdd" | "indexCopy">(kernel: Kernel<K>): Kernel<K> {
  return (call, [out]) => {
    const self = call.inputs[0] as View;
    let begins = self;
    if (isBlank(self)) begins = corner(self, []);
    else if (!isContiguous(self.shape, self.strides)) {
      convert(self, out!);
      begins = viewOf(out!);
    }
    kernel({ ...call, inputs: call.inputs.with(0, begins) }, [out!]);
  };
}

/** The part of a view with the first elements of each dimension. */
function corner({ storage, dtype, strides, offset }: View, shape: Shape): View {
  return { storage, shape, dtype, strides, offset };
}

/** The part of a table that indices of this shape can reach. */
function reached(table: Shape, index: Shape, dim: number): Shape {
  return table.map((size, d) => (d === dim ? size : index[d]!));
}

const picked = overArrays<"gather">(([x, index], { dim }, [out]) => {
  const { BYTES_PER_ELEMENT: bytes } = out!.data;
  const build = (m: Module): void => buildPick(m, bytes);
  walk({
    op: "gather",
    key: `pick ${bytes}`,
    build,
    cut: "rows of values",
    dim,
    table: x!,
    index: index!,
    values: out!,
  });
}, asStored);

export const gather: Kernel<"gather"> = (call, outputs) => {
  const [x, index] = call.inputs as readonly [View, View];
  picked({ ...call, inputs: [corner(x, reached(x.shape, index.shape, call.attrs.dim)), index] }, outputs);
};

/** With `includeSelf: false`, how the places that are written are initialised before the values are combined there. */
const beginnings = { replace: "replace", add: "zero", prod: "one", amax: "replace", amin: "replace" } as const;

const placeAll: ArrayKernel<"scatter"> = ([self, index, values], { dim, reduce, includeSelf }, [out]) => {
  const place = (placing: Placing, from: ArrayView): void => {
    const key = `place ${placing} ${out!.dtype}`;
    const build = (m: Module): void => buildPlace(m, out!.dtype, placing);
    walk({ op: "scatter", key, build, cut: "columns", dim, table: out!, index: index!, values: values!, self: from });
  };
  if (includeSelf || reduce === "replace") place(reduce, self!);
  else {
    place(beginnings[reduce], self!);
    place(reduce, out!);
  }
};
const placed = laidOut(overArrays(placeAll, asNumbers));

export const scatter: Kernel<"scatter"> = (call, [out]) => {
  const [self, index] = call.inputs as readonly [View, View, View];
  const shape = reached(out!.shape, index.shape, call.attrs.dim);
  if (shape.every((size, d) => size === out!.shape[d])) {
    placed(call, [out!]);
    return;
  }
  withTemporaries(out!, (temporaries) => {
    const inside = temporaries.make(shape, out!.dtype);
    placed({ ...call, inputs: call.inputs.with(0, corner(self, shape)) }, [inside]);
    if (self.storage !== out!.storage) convert(self, out!);
    convert(
      inside,
      part(
        out!,
        shape,
        shape.map(() => 0),
      ),
    );
  });
};

export const indexSelect: ArrayKernel<"indexSelect"> = ([x, index], { dim }, [out]) => {
  const { BYTES_PER_ELEMENT: bytes } = out!.data;
  const isSingle = axisOf(x!.shape, dim).inner === 1;
  const key = isSingle ? `pick ${bytes}` : `pick rows ${bytes}`;
  const build = (m: Module): void => (isSingle ? buildPick : buildPickRows)(m, bytes);
  walk({ op: "indexSelect", key, build, cut: "rows of values", dim, table: x!, index: index!, values: out! });
};

function indexed<K extends "indexAdd" | "indexCopy">(op: K, placing: "add" | "replace"): ArrayKernel<K> {
  return ([self, index, source], { dim }, [out]) => {
    const { dtype, shape } = out!;
    const isSingle = axisOf(shape, dim).inner === 1;
    const key = `place ${placing} ${isSingle ? "" : "rows "}${dtype}`;
    const build = (m: Module): void => (isSingle ? buildPlace : buildPlaceRows)(m, dtype, placing);
    const cut = isSingle ? "columns" : "rows of the table";
    const count = index!.data.length;
    walk({ op, key, build, cut, dim, table: out!, index: index!, values: source!, self: self!, count });
  };
}

/** Lets a kernel see a single row of values where one row was expanded to all indices. */
function rowOnce<K extends "indexAdd" | "indexCopy">(kernel: Kernel<K>): Kernel<K> {
  return (call, outputs) => {
    const [, , source] = call.inputs as readonly [View, View, View];
    const { dim } = call.attrs;
    const isOnce = source.strides[dim] === 0 && axisOf(source.shape, dim).inner > 1;
    const row = isOnce ? corner(source, source.shape.with(dim, 1)) : source;
    kernel({ ...call, inputs: call.inputs.with(2, row) } as typeof call, outputs);
  };
}

const addAll = rowOnce(laidOut(overArrays(indexed("indexAdd", "add"), asNumbers)));

export const indexAdd: Kernel<"indexAdd"> = (call, [out]) => {
  const [self, , source] = call.inputs as readonly [View, View, View];
  // If an index is out of range, `addAll` finds out which and throws.
  if (!(isTally(source, self) && tally(call.inputs as readonly View[], out!, failure.address))) addAll(call, [out!]);
};
export const indexCopy: Kernel<"indexCopy"> = rowOnce(laidOut(overArrays(indexed("indexCopy", "replace"), asStored)));
