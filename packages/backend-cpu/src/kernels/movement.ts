/** Whole runs of elements moved: joining and padding. */
import { type ArrayKernel, axisOf, elements } from "./array-kernel.ts";

export const cat: ArrayKernel<"cat"> = (inputs, { dim }, [out]) => {
  const { outer, size, inner } = axisOf(out!.shape, dim);
  let before = 0;
  for (const { shape, data } of inputs) {
    const run = shape[dim]! * inner;
    for (let o = 0; o < outer; o++) {
      out!.data.set(data.subarray(o * run, (o + 1) * run) as never, o * size * inner + before);
    }
    before += run;
  }
};

export const pad: ArrayKernel<"pad"> = ([x], { padding, value }, [out]) => {
  const [from, to] = [x!.data, out!.data];
  const filler = elements(out!);
  const content = out!.dtype === "int64" ? (BigInt(Math.trunc(value)) as unknown as number) : value;
  for (let i = 0; i < to.length; i++) filler[i] = content;
  if (from.length === 0) return;
  const rank = x!.shape.length;
  const run = rank === 0 ? 1 : x!.shape[rank - 1]!;
  const counter = new Int32Array(rank);
  for (let start = 0; start < from.length; start += run) {
    let place = 0;
    for (let d = 0; d < rank; d++) place = place * out!.shape[d]! + counter[d]! + padding[d]![0];
    to.set(from.subarray(start, start + run) as never, place);
    for (let d = rank - 2; d >= 0 && ++counter[d]! === x!.shape[d]; d--) counter[d] = 0;
  }
};
