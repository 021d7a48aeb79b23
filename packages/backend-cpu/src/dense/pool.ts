/** Max pooling over addresses, in one to three dimensions. */
import { engine, threads } from "../runtime/index.ts";
import type { Module } from "../wasm/emitter.ts";
import { elements, type FloatName } from "./element.ts";
import { type PoolShape, poolGeometry, type WindowRow } from "./pool-geometry.ts";
import { buildMaxPool, buildMaxPoolBackward } from "./pool-max.ts";
import { buildMaxPool2, buildMaxPool2Backward } from "./pool-quads.ts";

export { type PoolShape, pooledSize } from "./pool-geometry.ts";

/** Addresses of [planes, ...input], [planes, ...output] and int32 [planes, ...output]. */
export interface MaxPool {
  readonly input: number;
  readonly output: number;
  readonly indices: number;
  /** Pools what ReLU would make of the input. */
  readonly relu?: boolean;
}

export interface MaxPoolBackward {
  readonly gradOutput: number;
  readonly indices: number;
  readonly gradInput: number;
}

/** The largest element of each window, and its place: the flat index in its plane of the input, as int32. */
export function maxPool(type: FloatName, shape: PoolShape, { input, output, indices, relu = false }: MaxPool): void {
  const name = `${relu ? "reluMaxPool" : "maxPool"}${sizeOf(type, shape)}` as const;
  const row = !name.endsWith("2") ? poolGeometry(shape).row : undefined;
  run(type, name, shape, [input, output, indices], row);
}

/** Adds each gradient to the element that its window's maximum came from. */
export function maxPoolBackward(type: FloatName, shape: PoolShape, tensors: MaxPoolBackward): void {
  run(type, `maxPool${sizeOf(type, shape)}Backward`, shape, [tensors.gradInput, tensors.gradOutput, tensors.indices]);
}

function sizeOf(type: FloatName, shape: PoolShape): "2" | "" {
  return type === "f32" && poolGeometry(shape).isHalving ? "2" : "";
}

const builders = {
  maxPool: (m, type, row) => buildMaxPool(m, elements[type], false, row),
  reluMaxPool: (m, type, row) => buildMaxPool(m, elements[type], true, row),
  maxPoolBackward: (m, type) => buildMaxPoolBackward(m, elements[type]),
  maxPool2: (m) => buildMaxPool2(m, false),
  reluMaxPool2: (m) => buildMaxPool2(m, true),
  maxPool2Backward: buildMaxPool2Backward,
} satisfies { readonly [name: string]: (m: Module, type: FloatName, row: WindowRow | undefined) => void };

/** Comparisons that are worth a chunk of their own. */
const GRAIN = 2 ** 14;
const MAX_CHUNKS = 64;

function run(
  type: FloatName,
  name: keyof typeof builders,
  shape: PoolShape,
  leading: readonly number[],
  row?: WindowRow,
): void {
  const { work, args } = poolGeometry(shape);
  const key = `pool:${name}:${type}:${row ? Object.values(row) : ""}`;
  engine.module(key, (m) => builders[name](m, type, row));
  const chunks = Math.max(1, Math.min(shape.planes, MAX_CHUNKS, Math.floor(work / GRAIN)));
  threads.parallel(key, name, chunks, [...leading, ...args]);
}
