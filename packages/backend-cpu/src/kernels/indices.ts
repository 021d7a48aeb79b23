/** A look at indices before they are used, and at what they are used on. */
import type { View } from "@dl/tensor";
import { engine, heap, memory, threads } from "../runtime/index.ts";
import type { CpuStorage } from "../storage.ts";
import { buildCheck } from "./indexing-loops.ts";

/** Indices that a thread looks at, at least. */
const SHARE = 2 ** 15;
const outside = memory.allocate(64);

/** Whether `count` packed indices all lie in a dimension. */
export function areInside(address: number, count: number, size: number): boolean {
  engine.module("indices", buildCheck);
  heap.i32[outside.address / 4] = 0;
  threads.parallel("indices", "check", Math.ceil((count + 1) / SHARE), [address, count, size, outside.address]);
  return heap.i32[outside.address / 4] === 0;
}

/** Whether one zero stands for all elements. */
export function isBlank({ storage, strides, offset }: View): boolean {
  return strides.every((stride) => stride === 0) && Object.is(Number((storage as CpuStorage).raw[offset]), 0);
}
