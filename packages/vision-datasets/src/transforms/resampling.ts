/** Pictures of other sizes: along each dimension, an element is a weighted sum of a few neighbours. */
import { apply, collectTaps, type Taps, type Tensor } from "@dl/tensor";
import { RawImage } from "../image.ts";

/** The inputs, from `first` on, that make one output. */
interface Blend {
  readonly first: number;
  readonly weights: readonly number[];
}

type Rule = (size: number, count: number) => readonly Blend[];

/** The same from fewer calls: a data set's pictures have few sizes. */
function remembering<T>(make: (size: number, count: number) => T): (size: number, count: number) => T {
  const made = new Map<string, T>();
  return (size, count) => {
    const key = `${size} ${count}`;
    const known = made.get(key) ?? make(size, count);
    if (made.size === 64) made.clear();
    made.set(key, known);
    return known;
  };
}

/** A line between the two neighbours, however many lie between one output and the next. */
const sharp: Rule = (size, count) =>
  Array.from({ length: count }, (_, i) => {
    const source = Math.max(((i + 0.5) * size) / count - 0.5, 0);
    const first = Math.min(Math.floor(source), size - 1);
    return { first, weights: first + 1 < size ? [1 - (source - first), source - first] : [1] };
  });

/** The same where a picture grows; where it shrinks, a triangle over all inputs that an output stands for. */
const smooth: Rule = (size, count) => {
  const scale = size / count;
  const reach = Math.max(scale, 1);
  return Array.from({ length: count }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - reach + 0.5), 0);
    const end = Math.min(Math.trunc(center + reach + 0.5), size);
    const heights = Array.from({ length: end - first }, (_, k) =>
      Math.max(1 - Math.abs((first + k - center + 0.5) * (1 / reach)), 0),
    );
    const total = heights.reduce((sum, height) => sum + height, 0);
    return { first, weights: heights.map((height) => height / total) };
  });
};

const [sharpTaps, smoothTaps] = [sharp, smooth].map((rule) =>
  remembering((size, count) => tapsOf(rule(size, count))),
) as [TapsOf, TapsOf];
type TapsOf = (size: number, count: number) => Taps;

/** The tensor [..., height, width] in another size; whole numbers are rounded. */
export function resizedTensor(image: Tensor, height: number, width: number, antialias: boolean): Tensor {
  const taps = antialias ? smoothTaps : sharpTaps;
  const stage = (dim: number, count: number) => ({ dim, taps: taps(image.shape[dim]!, count) });
  const rank = image.shape.length;
  const whole = !image.isFloatingPoint();
  const input = whole ? image.float() : image;
  const resized = apply("resample", [input], { stages: [stage(rank - 1, width), stage(rank - 2, height)] });
  return whole ? resized.round().to(image.dtype) : resized;
}

function tapsOf(blends: readonly Blend[]): Taps {
  const outputs = blends.flatMap(({ weights }, i) => weights.map(() => i));
  const sources = blends.flatMap(({ first, weights }) => weights.map((_, k) => first + k));
  return collectTaps(
    blends.length,
    outputs,
    sources,
    blends.flatMap(({ weights }) => weights),
  );
}

/** The raw picture in another size, bit for bit as PIL does it: weights of 22 bits, rows first. */
export function resizedImage({ data, height, width, channels }: RawImage, toHeight: number, toWidth: number): RawImage {
  const rows = blended(data, height, width, channels, smoothWhole(width, toWidth));
  return new RawImage(
    blended(rows, 1, height, toWidth * channels, smoothWhole(height, toHeight)),
    toHeight,
    toWidth,
    channels,
  );
}

const bits = 22;

interface WholeBlend {
  readonly first: number;
  readonly weights: Int32Array;
}

const smoothWhole = remembering((size, count): readonly WholeBlend[] =>
  smooth(size, count).map(({ first, weights }) => ({
    first,
    weights: Int32Array.from(weights, (weight) => weight * 2 ** bits + 0.5),
  })),
);

/** `data` is [outer, size, inner]; the middle becomes as long as `blends`. */
function blended(
  data: Uint8Array,
  outer: number,
  size: number,
  inner: number,
  blends: readonly WholeBlend[],
): Uint8Array {
  const out = new Uint8Array(outer * blends.length * inner);
  const half = 2 ** (bits - 1);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const { first, weights } of blends) {
      const start = (o * size + first) * inner;
      for (let c = 0; c < inner; c++) {
        let sum = half;
        for (let k = 0; k < weights.length; k++) sum += data[start + k * inner + c]! * weights[k]!;
        out[at++] = sum >> bits;
      }
    }
  }
  return out;
}
