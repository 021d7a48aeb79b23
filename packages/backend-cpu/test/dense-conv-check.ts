/** Convolution by plain loops, to compare with. */
import { expect } from "vitest";
import { type ConvShape, convForward, convInput, convWeight, outputSize } from "../src/dense/conv.ts";
import { bytesPerElement, type FloatName } from "../src/dense/element.ts";
import { heap, memory } from "../src/runtime/index.ts";

const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);

/** A tensor of small whole numbers, for which every order of addition gives the same sum. */
export function tensor(type: FloatName, length: number, seed: number) {
  // Held, because what is forgotten may be handed out again after an await.
  const block = memory.allocate(length * bytesPerElement[type]);
  const { address } = block;
  const all = type === "f32" ? heap.f32 : heap.f64;
  const start = address / bytesPerElement[type];
  const values = all.subarray(start, start + length);
  for (let i = 0; i < length; i++) values[i] = ((((i + 1 + seed) * 2654435761) >>> 20) % 7) - 3;
  return { block, address, values };
}

export interface Problem {
  readonly type: FloatName;
  readonly shape: ConvShape;
  /** Leaves one number of so many in the output's gradient, zeros elsewhere. */
  readonly oneOf?: number;
}

export function sizes({ shape: s }: Problem) {
  const output = s.input.map((size, i) => {
    return outputSize(size, s.kernel[i]!, s.stride[i]!, s.padding[i]!, s.dilation[i]!);
  });
  return {
    output,
    x: s.batch * s.inChannels * product(s.input),
    w: (s.outChannels * s.inChannels * product(s.kernel)) / s.groups,
    y: s.batch * s.outChannels * product(output),
  };
}

/** Calls `visit` for every product in the convolution, with indices into x, w and y. */
function walk(p: Problem, visit: (x: number, w: number, y: number) => void): void {
  const { shape: s } = p;
  const { output } = sizes(p);
  const [channels, outputs] = [s.inChannels / s.groups, s.outChannels / s.groups];
  const [taps, pixels] = [product(s.kernel), product(output)];
  const split = (index: number, size: readonly number[]) => {
    const at: number[] = [];
    for (let i = size.length - 1; i >= 0; i--) {
      at[i] = index % size[i]!;
      index = Math.floor(index / size[i]!);
    }
    return at;
  };
  const places: [number, number, number][] = [];
  for (let pixel = 0; pixel < pixels; pixel++) {
    const out = split(pixel, output);
    for (let tap = 0; tap < taps; tap++) {
      const k = split(tap, s.kernel);
      const from = out.map((o, i) => o * s.stride[i]! + k[i]! * s.dilation[i]! - s.padding[i]![0]);
      if (from.some((x, i) => x < 0 || x >= s.input[i]!)) continue;
      places.push([from.reduce((index, x, i) => index * s.input[i]! + x, 0), tap, pixel]);
    }
  }
  for (let n = 0; n < s.batch; n++) {
    for (let o = 0; o < s.outChannels; o++) {
      const group = Math.floor(o / outputs);
      for (let c = 0; c < channels; c++) {
        const plane = (n * s.inChannels + group * channels + c) * product(s.input);
        for (const [x, tap, pixel] of places) {
          visit(plane + x, (o * channels + c) * taps + tap, (n * s.outChannels + o) * pixels + pixel);
        }
      }
    }
  }
}

/** Runs all three passes and compares them with plain loops. */
export function check(p: Problem): void {
  const { type, shape, oneOf = 1 } = p;
  const size = sizes(p);
  const x = tensor(type, size.x, 1);
  const w = tensor(type, size.w, 2);
  const bias = tensor(type, shape.outChannels, 3);
  const y = tensor(type, size.y, 4);
  const dy = tensor(type, size.y, 5);
  for (let i = 0; i < size.y; i++) if (((i * 2654435761) >>> 7) % oneOf !== 0) dy.values[i] = 0;
  const [dx, dw] = [tensor(type, size.x, 6), tensor(type, size.w, 7)];
  const pixels = product(size.output);
  const expected = {
    y: Array.from(y.values, (_, i) => bias.values[Math.floor(i / pixels) % shape.outChannels]!),
    dx: Array.from(dx.values, () => 0),
    dw: Array.from(dw.values, () => 0),
  };
  walk(p, (i, j, k) => {
    expected.y[k]! += x.values[i]! * w.values[j]!;
    expected.dx[i]! += dy.values[k]! * w.values[j]!;
    expected.dw[j]! += dy.values[k]! * x.values[i]!;
  });
  convForward(type, shape, { x: x.address, w: w.address, bias: bias.address, y: y.address });
  convInput(type, shape, { gradOutput: dy.address, factor: w.address, result: dx.address });
  convWeight(type, shape, { gradOutput: dy.address, factor: x.address, result: dw.address });
  expect(Array.from(y.values)).toEqual(expected.y);
  expect(Array.from(dx.values, (v) => v + 0)).toEqual(expected.dx.map((v) => v + 0));
  expect(Array.from(dw.values, (v) => v + 0)).toEqual(expected.dw.map((v) => v + 0));
}
