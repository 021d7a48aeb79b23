/**
 * The arithmetic of a convolution. Images of one and two dimensions are treated as three-dimensional ones.
 *
 * Kernels compute rows of output pixels. They have a table of where each row starts in the input, and a table of where
 * each tap (element of the kernel) lies relative to that. For every tap, the inputs of neighbouring output pixels are
 * then neighbours in memory, whatever stride, dilation and padding are.
 *
 * Where an image does not lie like that, it is *staged*: copied into a frame of zeros, with its columns sorted by their
 * remainder modulo the stride (into *phases*).
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
  /** Multiply-adds. The forward pass and both gradients need the same number. */
  readonly work: number;
  readonly batch: number;
  readonly groups: number;
  /** Input channels of one group. */
  readonly channels: number;
  /** Output channels of one group. */
  readonly outputs: number;
  readonly input: Triple;
  readonly output: Triple;
  readonly kernel: Triple;
  readonly stride: Triple;
  /** Zeros before the image, in each dimension. */
  readonly before: Triple;
  readonly dilation: Triple;
  /** The convolution that gives the gradient of the input from that of the output, if that is not too wasteful. */
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

/** The geometry of a shape. While it is cached, equal shapes give the same object, so plans are cached by it. */
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

/**
 * How many times more products the backward convolution may need than the other way to that gradient (`conv-input.ts`),
 * which has to add up parts.
 */
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
  // A 1×1 kernel sees no neighbours, so the image can be one long row.
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

/** The columns of the input with the same remainder modulo the stride, which lie side by side in the staged frame. */
interface Phase {
  /** The first such column of the input. */
  readonly source: number;
  /** Where it goes, relative to the start of the plane, in elements. */
  readonly target: number;
  readonly count: number;
}

/**
 * An image may be staged in bands: parts of its output planes or, in two dimensions, of its output rows. The frame then
 * holds one band at a time. {@link Layout.rows} are the places in a frame of the whole image; in the frame of a band
 * they are lower by `step` for each band before it.
 */
interface Bands {
  readonly axis: 0 | 1;
  readonly count: number;
  /** Rows of output pixels in a band. */
  readonly rows: number;
  /** Planes or rows of the input from one band to the next. */
  readonly advance: number;
  /** Planes or rows of padding before the image. */
  readonly before: number;
  /** Planes or rows in the frame. */
  readonly frame: number;
  /** In elements. */
  readonly step: number;
}

/** How an image lies in memory when the kernels read it. Sizes and places count elements. */
export interface Layout {
  readonly staged: boolean;
  /** The size of one channel. */
  readonly plane: number;
  readonly height: number;
  readonly pitch: number;
  readonly phases: readonly Phase[];
  /** The planes and rows of the input that any window sees. */
  readonly depthUsed: number;
  readonly heightUsed: number;
  readonly bands: Bands;
  /** Where each row of output pixels starts. */
  readonly rows: readonly number[];
  /** Where each tap lies relative to the start of a row, within one channel. */
  readonly taps: readonly number[];
  /** Whether kernels take all channels of a tap before the next tap, instead of all taps of a channel. */
  readonly tapsFirst?: boolean;
}

/** The size of the region that all windows together see, including padding. */
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

/**
 * The layout of an image.
 * @param bandSize planes or rows of output pixels in a band; all if left out
 * @param framed stage the image in any case
 */
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

/**
 * The layout of an image whose channels lie side by side. Here a "tap" is a run of memory: a row of the window with all
 * channels or, with dilation, a single tap with all channels.
 */
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

/** The phase of the columns X of the input for which X + padding leaves this remainder. */
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
