import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesPerElement, type FloatName } from "../src/dense/element.ts";
import { maxPool, maxPoolBackward, type PoolShape, pooledSize } from "../src/dense/pool.ts";
import { heap, memory } from "../src/runtime/index.ts";

const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);

function floats(type: FloatName, values: readonly number[]) {
  const { address } = memory.allocate(values.length * bytesPerElement[type]);
  const all = type === "f32" ? heap.f32 : heap.f64;
  const start = address / bytesPerElement[type];
  all.set(values, start);
  return { address, values: all.subarray(start, start + values.length) };
}

function integers(length: number) {
  const { address } = memory.allocate(4 * length);
  return { address, values: heap.i32.subarray(address / 4, address / 4 + length) };
}

function outputOf(s: PoolShape): readonly number[] {
  if (s.adaptive) return s.adaptive;
  return s.input.map((size, i) => {
    return pooledSize(size, s.kernel[i]!, s.stride[i]!, s.padding[i]!, s.dilation[i]!, s.ceilMode);
  });
}

/** Where the elements of window `i` lie along one dimension, in the padding too. */
function placesOf(s: PoolShape, d: number, i: number): number[] {
  if (!s.adaptive)
    return Array.from({ length: s.kernel[d]! }, (_, k) => i * s.stride[d]! - s.padding[d]! + k * s.dilation[d]!);
  const [size, count] = [s.input[d]!, s.adaptive[d]!];
  const start = Math.floor((i * size) / count);
  return Array.from({ length: Math.ceil(((i + 1) * size) / count) - start }, (_, k) => start + k);
}

/** Calls `visit` with the indices of each window's elements, output by output. */
function windows(s: PoolShape, visit: (output: number, inside: number[]) => void): void {
  const output = outputOf(s);
  const count = product(output);
  for (let o = 0; o < s.planes * count; o++) {
    let rest = o % count;
    let inside = [0];
    const places = output.map(() => [] as number[]);
    for (let i = output.length - 1; i >= 0; i--) {
      places[i] = placesOf(s, i, rest % output[i]!);
      rest = Math.floor(rest / output[i]!);
    }
    s.input.forEach((size, i) => {
      const valid = places[i]!.filter((x) => x >= 0 && x < size);
      inside = inside.flatMap((index) => valid.map((x) => index * size + x));
    });
    visit(o, inside);
  }
}

interface Problem {
  readonly type: FloatName;
  readonly shape: PoolShape;
  readonly seed: number;
}

function noise(length: number, seed: number): number[] {
  return Array.from({ length }, (_, i) => ((((i + seed) * 2654435761) >>> 20) % 9) - 4);
}

/** Zeros of both signs, NaN with every third seed, infinities with every fifth. */
function oddNoise(length: number, seed: number): number[] {
  const infinity = seed % 5 === 0 ? Number.POSITIVE_INFINITY : 3;
  const changed = new Map([
    [4, seed % 3 === 0 ? Number.NaN : 4],
    [3, infinity],
    [-3, -infinity],
    [0, -0],
    [1, 0],
  ]);
  return noise(length, seed).map((x) => changed.get(x) ?? x);
}

function checkMax({ type, shape, seed }: Problem): void {
  const [inSize, outSize] = [product(shape.input), product(outputOf(shape))];
  const relu = seed % 2 === 0;
  const given = oddNoise(shape.planes * inSize, seed);
  const numbers = relu ? given.map((x) => (x >= 0 || Number.isNaN(x) ? x : 0)) : given;
  const x = floats(type, given);
  const y = floats(type, noise(shape.planes * outSize, 1));
  const dy = floats(type, noise(shape.planes * outSize, 2));
  const dx = floats(type, noise(shape.planes * inSize, 3));
  const indices = integers(shape.planes * outSize);
  maxPool(type, shape, { input: x.address, output: y.address, indices: indices.address, relu });
  maxPoolBackward(type, shape, { gradOutput: dy.address, indices: indices.address, gradInput: dx.address });
  const expected = { y: [] as number[], indices: [] as number[], dx: numbers.map(() => 0) };
  windows(shape, (o, inside) => {
    const plane = Math.floor(o / outSize) * inSize;
    let best = Number.NEGATIVE_INFINITY;
    let place = inside[0]!;
    for (const index of inside) {
      const value = numbers[plane + index]!;
      if (value > best || Number.isNaN(value)) [best, place] = [value, index];
    }
    expected.y.push(best);
    expected.indices.push(place);
    expected.dx[plane + place]! += dy.values[o]!;
  });
  expect(Array.from(y.values)).toEqual(expected.y);
  expect(Array.from(indices.values)).toEqual(expected.indices);
  expect(Array.from(dx.values, (v) => v + 0)).toEqual(expected.dx.map((v) => v + 0));
}

const small = (max: number) => fc.integer({ min: 1, max });

function problems(dimensions: number, side: number, dilations: number) {
  const each = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: dimensions, maxLength: dimensions });
  return fc
    .record({
      type: fc.constantFrom<FloatName>("f32", "f64"),
      seed: fc.nat(100),
      shape: fc.record<PoolShape>({
        planes: small(4),
        input: each(small(side)),
        kernel: each(small(4)),
        stride: each(small(3)),
        padding: each(fc.nat(2)),
        dilation: each(small(dilations)),
        ceilMode: fc.boolean(),
      }),
    })
    .filter(({ shape: s }) => {
      const padded = s.padding.every((size, i) => size <= s.kernel[i]! / 2);
      return padded && outputOf(s).every((size) => size > 0);
    });
}

/** A window may miss the input altogether only where PyTorch refuses the shape, or gives -inf or NaN. */
const hasEmptyWindow = (s: PoolShape): boolean => {
  let empty = false;
  windows(s, (_, inside) => {
    empty ||= inside.length === 0;
  });
  return empty;
};

const halving = (height: number, width: number): PoolShape => ({
  ...{ planes: 5, input: [height, width], kernel: [2, 2], stride: [2, 2] },
  ...{ padding: [0, 0], dilation: [1, 1], ceilMode: false },
});

describe("max pooling and its gradient", () => {
  test("one, two and three dimensions, any window, of ReLU or not", () => {
    for (const [dimensions, side, numRuns] of [
      [1, 30, 80],
      [2, 12, 150],
      [3, 6, 60],
    ] as const) {
      const arbitrary = problems(dimensions, side, 2).filter((p) => !hasEmptyWindow(p.shape));
      fc.assert(fc.property(arbitrary, checkMax), { numRuns });
    }
  });

  test("windows that divide the input as evenly as it goes", () => {
    const sizes = fc.tuple(small(9), small(9));
    const arbitrary = fc.tuple(fc.constantFrom<FloatName>("f32", "f64"), sizes, sizes, fc.nat(100));
    fc.assert(
      fc.property(arbitrary, ([type, input, adaptive, seed]) =>
        checkMax({ type, shape: { ...halving(...input), adaptive }, seed }),
      ),
    );
  });

  test("windows of 2×2, even and odd sizes, with NaN, of ReLU or not", () => {
    for (const [height, width] of [
      [24, 24],
      [8, 8],
      [7, 9],
      [2, 31],
      [5, 2],
      [3, 17],
    ] as const) {
      for (const seed of [1, 2, 3, 6]) checkMax({ type: "f32", shape: halving(height, width), seed });
    }
  });
});

test("rows of windows by fours: wide ones, far apart, alone and not", () => {
  const common = { planes: 3, ceilMode: false };
  for (const width of [1, 2, 3, 8, 9, 13]) {
    for (const [stride, dilation] of [
      [1, 1],
      [2, 2],
      [3, 1],
      [7, 2],
    ] as const) {
      for (const height of [[], [3]]) {
        const ones = height.map(() => 1);
        const window = { kernel: [...height, width], stride: [...ones, stride], dilation: [...ones, dilation] };
        const padding = [...ones, width >> 1];
        for (const seed of [1, 6, 15]) {
          checkMax({ type: "f32", shape: { ...common, ...window, padding, input: [...ones.map(() => 4), 67] }, seed });
        }
      }
    }
  }
});

test("pooledSize rounds down, or up unless the window would start beyond the input", () => {
  expect(pooledSize(7, 2, 2, 0, 1, false)).toBe(3);
  expect(pooledSize(7, 2, 2, 0, 1, true)).toBe(4);
  expect(pooledSize(5, 1, 3, 0, 1, true)).toBe(2);
  expect(pooledSize(6, 2, 3, 1, 1, true)).toBe(3);
});
