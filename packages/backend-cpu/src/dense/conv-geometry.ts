/**
 * The arithmetic of a convolution. One, two and three dimensions are all treated as three. The kernels see an image as
 * rows of output pixels: with a table of where each row starts in the input, and a table of where each tap lies relative to
 * that, neighbouring output pixels are neighbours in memory for every tap, whatever stride, dilation and padding are.
 *
 * To make this so, an image is *staged* if it must be: copied into a frame of zeros, its columns sorted by their remainder
 * modulo the stride (its *phases*).
 */

import { bytesPerElement, type FloatName } from "./element.ts";
import { remember } from "./remember.ts";

/** A convolution as PyTorch describes it; spatial lists have one to three entries. All tensors are contiguous. */
export interface ConvShape {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  /** Zeros before and after, for each dimension. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
}

/** Depth, height and width. */
type Triple = readonly [number, number, number];

export interface Geometry {
  readonly type: FloatName;
  /** Multiply-adds; all three passes need as many. */
  readonly work: number;
  readonly batch: number;
  readonly groups: number;
  /** Input and output channels of one group. */
  readonly channels: number;
  readonly outputs: number;
  readonly input: Triple;
  readonly output: Triple;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly before: Triple;
  readonly dilation: Triple;
  /** Of the convolution that gives the input's gradient from the output's, if that is not too wasteful. */
  readonly backwards?: Geometry;
}

/** The spatial size of the output of one dimension. */
export function outputSize(
  size: number,
  kernel: number,
  stride: number,
  [before, after]: readonly [number, number],
  dilation: number,
): number {
  return Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** The same object for the same type and shape, as long as it is remembered. */
export const geometryOf: (type: FloatName, shape: ConvShape) => Geometry = remember(
  (type, { batch, inChannels, outChannels, groups, input, kernel, stride, padding, dilation }) => {
    const numbers = [bytesPerElement[type], batch, inChannels, outChannels, groups];
    for (let i = 0; i < input.length; i++) {
      const [before, after] = padding[i]!;
      numbers.push(input[i]!, kernel[i]!, stride[i]!, before, after, dilation[i]!);
    }
    return numbers;
  },
  (type, shape) => {
    const g = makeGeometry(type, shape);
    return { ...g, ...reversed(g) };
  },
);

/** How many more products the backward convolution may have, because it does not need to add up parts. */
const TOLERATED_ZEROS = 1.3;

function reversed(g: Geometry): Pick<Geometry, "backwards"> {
  const before = g.kernel.map((size, i) => (size - 1) * g.dilation[i]! - g.before[i]!) as unknown as Triple;
  const possible = product(g.stride) === 1 && before.every((zeros) => zeros >= 0);
  if (!possible || product(g.input) > TOLERATED_ZEROS * product(g.output)) return {};
  const { channels, outputs, input, output } = g;
  const work = (g.work / product(output)) * product(input);
  return { backwards: { ...g, work, before, channels: outputs, outputs: channels, input: output, output: input } };
}

function makeGeometry(type: FloatName, shape: ConvShape): Geometry {
  const output = shape.input.map((size, i) => {
    return outputSize(size, shape.kernel[i]!, shape.stride[i]!, shape.padding[i]!, shape.dilation[i]!);
  });
  const { batch, inChannels, outChannels, groups } = shape;
  const common = {
    type,
    work: (batch * inChannels * outChannels * product(shape.kernel) * product(output)) / groups,
    batch,
    groups,
    channels: inChannels / groups,
    outputs: outChannels / groups,
    stride: triple(shape.stride),
    before: triple(
      shape.padding.map(([before]) => before),
      0,
    ),
    dilation: triple(shape.dilation),
    kernel: triple(shape.kernel),
  };
  // A 1×1 kernel sees no neighbours: the image is one long row.
  const pointwise =
    product(shape.kernel) === 1 && product(shape.stride) === 1 && product(output) === product(shape.input);
  const row: Triple = [1, 1, product(output)];
  if (pointwise) return { ...common, input: row, output: row, before: [0, 0, 0] };
  return { ...common, input: triple(shape.input), output: triple(output) };
}

function triple(values: readonly number[], missing = 1): Triple {
  return [values.at(-3) ?? missing, values.at(-2) ?? missing, values.at(-1)!];
}

export function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

/** One run of a row of the input in the staged frame; in elements. */
interface Phase {
  /** The first column of the input that belongs to it. */
  readonly source: number;
  /** Where that goes, relative to the start of the plane. */
  readonly target: number;
  readonly count: number;
}

/**
 * An image may be staged in bands of output planes or, in two dimensions, of rows. The frame is that of one band; places of
 * rows are those of the whole image, from which those of a band differ by `step` for every band before it.
 */
interface Bands {
  readonly axis: 0 | 1;
  /** How many there are, and rows of output pixels in one. */
  readonly count: number;
  readonly rows: number;
  /** Planes or rows of the input from one band to the next, those of the padding, and those in the frame. */
  readonly advance: number;
  readonly before: number;
  readonly frame: number;
  /** In elements. */
  readonly step: number;
}

/** How an image lies in memory when the kernels read it; in elements. */
export interface Layout {
  readonly staged: boolean;
  /** Of one channel. */
  readonly plane: number;
  readonly height: number;
  readonly pitch: number;
  readonly phases: readonly Phase[];
  /** Planes and rows of the input that take part. */
  readonly depthUsed: number;
  readonly heightUsed: number;
  readonly bands: Bands;
  /** Where each row of output pixels starts. */
  readonly rows: readonly number[];
  /** Where each tap lies relative to that, within one channel. */
  readonly taps: readonly number[];
  /** All channels of a tap go by before the next one, instead of all taps of a channel. */
  readonly tapsFirst?: boolean;
}

/** What all windows together see, zeros of the padding included. */
function spanOf(g: Geometry): Triple {
  return g.output.map(
    (size, i) => (size - 1) * g.stride[i]! + (g.kernel[i]! - 1) * g.dilation[i]! + 1,
  ) as unknown as Triple;
}

/** The axis that bands are cut along. */
export function bandAxis(g: Geometry): 0 | 1 {
  return g.output[0] > 1 ? 0 : 1;
}

function bandsOf(g: Geometry, size: number, frame: number, step: number): Bands {
  const axis = bandAxis(g);
  const advance = size * g.stride[axis];
  return {
    ...{ axis, count: Math.ceil(g.output[axis] / size), rows: axis === 0 ? size * g.output[1] : size },
    ...{ advance, before: g.before[axis], frame, step: advance * step },
  };
}

/** `bandSize`: planes or rows of output pixels in a band; all if it is not given. `framed`: staged, need be or not. */
export function layoutOf(g: Geometry, bandSize: number = g.output[bandAxis(g)], framed = false): Layout {
  const axis = bandAxis(g);
  const whole = spanOf(g);
  const span = spanOf({ ...g, output: g.output.with(axis, bandSize) as unknown as Triple });
  const inside = whole.every((size, i) => g.before[i] === 0 && size <= g.input[i]!);
  const staged = framed || !inside || g.stride[2] > 1;
  const columns = Array.from({ length: g.kernel[2] }, (_, k) => k * g.dilation[2]);
  const residues = staged ? [...new Set(columns.map((column) => column % g.stride[2]))] : [0];
  const width = g.output[2] + Math.floor(columns.at(-1)! / g.stride[2]);
  const [depth, height, pitch] = staged ? [span[0], span[1], width] : g.input;
  const phaseSize = depth * height * pitch;
  const tapColumn = (column: number): number =>
    residues.indexOf(column % g.stride[2]) * phaseSize + Math.floor(column / g.stride[2]);
  return {
    ...{ staged, height, pitch, plane: residues.length * phaseSize },
    phases: residues.map((residue, i) =>
      phase(g, residue, span[2], i * phaseSize + (g.before[0] * height + g.before[1]) * pitch),
    ),
    depthUsed: Math.max(0, Math.min(g.input[0], whole[0] - g.before[0])),
    heightUsed: Math.max(0, Math.min(g.input[1], whole[1] - g.before[1])),
    bands: bandsOf(g, bandSize, span[axis], axis === 0 ? height * pitch : pitch),
    rows: grid(g.output, (z, y) => (z * g.stride[0] * height + y * g.stride[1]) * pitch),
    taps: grid(g.kernel, (z, y) => (z * g.dilation[0] * height + y * g.dilation[1]) * pitch).flatMap((row) =>
      columns.map((column) => row + (staged ? tapColumn(column) : column)),
    ),
  };
}

/** The layout with channels side by side: taps are runs of memory, rows of a window unless it is dilated. */
export function interleavedLayout(g: Geometry): Layout {
  const span = spanOf(g);
  const [, height] = span;
  const pitch = span[2] * g.channels;
  const columns = g.dilation[2] === 1 ? [0] : Array.from({ length: g.kernel[2] }, (_, k) => k * g.dilation[2]);
  const [depthUsed, heightUsed, count] = span.map((size, i) => Math.max(0, Math.min(g.input[i]!, size - g.before[i]!)));
  const target = ((g.before[0] * height + g.before[1]) * span[2] + g.before[2]) * g.channels;
  return {
    ...{ staged: true, height, pitch, plane: Math.ceil((span[0] * height * pitch) / 4) * 4 },
    phases: [{ source: 0, target, count: count! }],
    ...{ depthUsed: depthUsed!, heightUsed: heightUsed! },
    bands: bandsOf(g, g.output[bandAxis(g)], span[bandAxis(g)], 0),
    rows: grid(g.output, (z, y) => (z * g.stride[0] * height + y * g.stride[1]) * pitch),
    taps: grid(g.kernel, (z, y) => (z * g.dilation[0] * height + y * g.dilation[1]) * pitch).flatMap((row) =>
      columns.map((column) => row + column * g.channels),
    ),
  };
}

/** The columns X of the input for which X + padding leaves this remainder. */
function phase(g: Geometry, residue: number, span: number, start: number): Phase {
  const stride = g.stride[2];
  const before = g.before[2];
  const source = (((residue - before) % stride) + stride) % stride;
  const used = Math.min(g.input[2], span - before);
  const count = Math.max(0, Math.ceil((used - source) / stride));
  return { source, target: start + (source + before - residue) / stride, count };
}

function grid([depth, height]: Triple, at: (z: number, y: number) => number): number[] {
  return Array.from({ length: depth * height }, (_, i) => at(Math.floor(i / height), i % height));
}
