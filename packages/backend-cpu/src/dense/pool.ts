/** Max and average pooling over addresses, in one to three dimensions. */
import { engine, threads } from "../runtime/index.ts";
import type { Module } from "../wasm/emitter.ts";
import { elements, type FloatName } from "./element.ts";
import { buildAveragePool, buildAveragePoolBackward } from "./pool-average.ts";
import { type PoolShape, poolGeometry } from "./pool-geometry.ts";
import { buildMaxPool, buildMaxPool2, buildMaxPool2Backward, buildMaxPoolBackward } from "./pool-max.ts";

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

export interface AverageOptions {
  /** Zeros of the padding count as elements. */
  readonly countIncludePad: boolean;
  /** Divides by this instead of the number of elements. */
  readonly divisorOverride?: number;
}

/** The largest element of each window, and its place: the flat index in its plane of the input, as int32. */
export function maxPool(type: FloatName, shape: PoolShape, { input, output, indices, relu = false }: MaxPool): void {
  run(type, `${relu ? "reluMaxPool" : "maxPool"}${sizeOf(type, shape)}`, shape, [input, output, indices]);
}

/** Adds each gradient to the element that its window's maximum came from. */
export function maxPoolBackward(type: FloatName, shape: PoolShape, tensors: MaxPoolBackward): void {
  run(type, `maxPool${sizeOf(type, shape)}Backward`, shape, [tensors.gradInput, tensors.gradOutput, tensors.indices]);
}

function sizeOf(type: FloatName, shape: PoolShape): "2" | "" {
  return type === "f32" && poolGeometry(shape).isHalving ? "2" : "";
}

/** The average of each window. */
export function averagePool(
  type: FloatName,
  shape: PoolShape,
  { input, output }: { readonly input: number; readonly output: number },
  options: AverageOptions,
): void {
  run(type, "averagePool", undilated(shape), [input, output, ...averageArguments(options)]);
}

/** Spreads each gradient over its window. */
export function averagePoolBackward(
  type: FloatName,
  shape: PoolShape,
  { gradOutput, gradInput }: { readonly gradOutput: number; readonly gradInput: number },
  options: AverageOptions,
): void {
  run(type, "averagePoolBackward", undilated(shape), [gradInput, gradOutput, ...averageArguments(options)]);
}

function averageArguments({ countIncludePad, divisorOverride = 0 }: AverageOptions): number[] {
  return [Number(countIncludePad), divisorOverride];
}

function undilated(shape: PoolShape): PoolShape {
  return { ...shape, dilation: shape.kernel.map(() => 1) };
}

const builders: { readonly [name: string]: (m: Module, type: FloatName) => void } = {
  maxPool: (m, type) => buildMaxPool(m, elements[type], false),
  reluMaxPool: (m, type) => buildMaxPool(m, elements[type], true),
  maxPoolBackward: (m, type) => buildMaxPoolBackward(m, elements[type]),
  maxPool2: (m) => buildMaxPool2(m, false),
  reluMaxPool2: (m) => buildMaxPool2(m, true),
  maxPool2Backward: buildMaxPool2Backward,
  averagePool: (m, type) => buildAveragePool(m, elements[type]),
  averagePoolBackward: (m, type) => buildAveragePoolBackward(m, elements[type]),
};

/** Comparisons or additions that are worth a chunk of their own. */
const GRAIN = 2 ** 14;
const MAX_CHUNKS = 64;

function run(type: FloatName, name: string, shape: PoolShape, leading: readonly number[]): void {
  const key = `pool:${name}:${type}`;
  engine.module(key, (m) => builders[name]!(m, type));
  const { work, args } = poolGeometry(shape);
  const chunks = Math.max(1, Math.min(shape.planes, MAX_CHUNKS, Math.floor(work / GRAIN)));
  threads.parallel(key, name, chunks, [...leading, ...args]);
}
