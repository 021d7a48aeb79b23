/** Sorting by lines of one dimension: stable, NaN largest. Lines are brought to lie packed, and threads share them. */
import type { Shape, View } from "@dl/tensor";
import { engine, memory, threads } from "../runtime/index.ts";
import { type ArrayKernel, type ArrayView, asNumbers, axisOf, overArrays } from "./array-kernel.ts";
import { convert } from "./copy.ts";
import type { Kernel } from "./kernel.ts";
import { areaOf, buildSort } from "./sorting-loops.ts";
import { withTemporaries } from "./temporary.ts";

/** Up to this many elements are kept in order by insertion; more of them where they are few of a long line. */
const FEW = 40;
const SOME = 128;
const PARALLEL = 2 ** 12;
const MAX_CHUNKS = 64;
/** Bytes in which lines are sorted at the same time, if one does not need more. */
const AREA = 2 ** 26;

function sortLines(x: ArrayView, size: number, keep: number, down: boolean, outputs: readonly ArrayView[]): void {
  const total = x.data.length;
  if (total === 0 || keep === 0) return;
  const lines = total / size;
  const isFew = keep <= FEW || (keep <= SOME && keep * keep < size);
  const [name, area] = isFew ? ["few", 16 * keep] : ["sort", areaOf(x.dtype, size)];
  const chunks = total < PARALLEL ? 1 : Math.max(1, Math.min(lines, MAX_CHUNKS, Math.floor(AREA / area)));
  const places = [x, ...outputs].map(({ data }) => data.byteOffset);
  const key = `sort ${x.dtype} ${down}`;
  engine.module(key, (m) => buildSort(m, x.dtype, down));
  const areas = memory.allocate(chunks * area);
  try {
    threads.parallel(key, name, chunks, [lines, size, keep, ...places, areas.address, area]);
  } finally {
    memory.release(areas);
  }
}

type SortOp = "sort" | "topk";

/** The lines of any dimension as those of the last. */
function alongLast<K extends SortOp>(kernel: Kernel<K>): Kernel<K> {
  return (call, outputs) => {
    const [x, dim] = [call.inputs[0] as View, call.attrs.dim];
    if (axisOf(x.shape, dim).inner === 1) kernel(call, outputs);
    else {
      withTemporaries(outputs[0]!, (temporaries) => {
        const made = outputs.map((out) => temporaries.make(swapped(out.shape, dim), out.dtype));
        const attrs = { ...call.attrs, dim: x.shape.length - 1 };
        kernel({ ...call, inputs: [turned(x, dim)], attrs } as typeof call, made);
        made.forEach((view, i) => {
          convert(turned(view, dim), outputs[i]!);
        });
      });
    }
  };
}

/** With the last dimension changed for another. */
function turned({ storage, dtype, shape, strides, offset }: View, dim: number): View {
  return { storage, dtype, shape: swapped(shape, dim), strides: swapped(strides, dim), offset };
}

function swapped(list: Shape, dim: number): Shape {
  return list.with(dim, list.at(-1)!).with(-1, list[dim]!);
}

const sortRow: ArrayKernel<"sort"> = ([x], { dim, descending }, outputs) => {
  const { size } = axisOf(x!.shape, dim);
  sortLines(x!, size, size, descending, outputs);
};

const topkRow: ArrayKernel<"topk"> = ([x], { dim, largest }, outputs) => {
  sortLines(x!, axisOf(x!.shape, dim).size, axisOf(outputs[0]!.shape, dim).size, largest, outputs);
};

export const sort: Kernel<"sort"> = alongLast(overArrays(sortRow, asNumbers));
export const topk: Kernel<"topk"> = alongLast(overArrays(topkRow, asNumbers));
