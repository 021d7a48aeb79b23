/**
 * Winograd's transforms along one axis, with which neighbouring outputs of a convolution need fewer products: two
 * outputs of a kernel of three take four products instead of six, of a kernel of two three instead of four. Longer
 * kernels are sums of such pieces. The polynomials behind this are evaluated only at 0, 1, -1 and infinity, so that
 * results are as exact as sums in any other order. (Winograd, Arithmetic Complexity of Computations, 1980; Lavin &
 * Gray, Fast Algorithms for Convolutional Neural Networks, 2016.)
 */

/** A list of rows. */
export type Matrix = readonly (readonly number[])[];

/** The outputs of a tile are `output` · ((`weight` · taps) ⊙ (`input` · window)), with ⊙ the element-wise products. */
export interface Axis {
  /** A row for each product, a column for each element of the window. */
  readonly input: Matrix;
  /** A row for each product, a column for each tap. */
  readonly weight: Matrix;
  /** A row for each output, a column for each product. */
  readonly output: Matrix;
  /** Elements of the input from one output to the next. */
  readonly step: number;
}

const THREE: Axis = {
  step: 1,
  input: [
    [1, 0, -1, 0],
    [0, 1, 1, 0],
    [0, -1, 1, 0],
    [0, 1, 0, -1],
  ],
  weight: [
    [1, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0, 0, 1],
  ],
  output: [
    [1, 1, 1, 0],
    [0, 1, -1, -1],
  ],
};

const TWO: Axis = {
  step: 1,
  input: [
    [1, -1, 0],
    [0, 1, 0],
    [0, -1, 1],
  ],
  weight: [
    [1, 0],
    [1, 1],
    [0, 1],
  ],
  output: [
    [1, 1, 0],
    [0, 1, 1],
  ],
};

/** For a kernel with one tap along the axis: every output is a product by itself. */
const ONE: Axis = { step: 1, input: [[1]], weight: [[1]], output: [[1]] };

/**
 * For a kernel of three with stride two: its outer taps see every second element, like a kernel of two, and its middle
 * tap sees those in between. Two outputs take five products instead of six.
 */
const STEPPING: Axis = {
  step: 2,
  input: [
    [1, 0, -1, 0, 0],
    [0, 0, 1, 0, 0],
    [0, 0, -1, 0, 1],
    [0, 1, 0, 0, 0],
    [0, 0, 0, 1, 0],
  ],
  weight: [
    [1, 0, 0],
    [1, 0, 1],
    [0, 0, 1],
    [0, 1, 0],
    [0, 1, 0],
  ],
  output: [
    [1, 1, 0, 1, 0],
    [0, 1, 1, 0, 1],
  ],
};

const padded = (row: readonly number[], before: number, length: number): number[] => {
  const result = new Array<number>(length).fill(0);
  for (const [i, value] of row.entries()) result[before + i] = value;
  return result;
};

/** The axis of a kernel that consists of two shorter ones, one after the other. */
function joined(a: Axis, b: Axis): Axis {
  const [taps, window] = [a.weight[0]!.length, a.input[0]!.length];
  const [allTaps, whole] = [taps + b.weight[0]!.length, window + b.weight[0]!.length];
  return {
    step: 1,
    input: [...a.input.map((row) => padded(row, 0, whole)), ...b.input.map((row) => padded(row, taps, whole))],
    weight: [...a.weight.map((row) => padded(row, 0, allTaps)), ...b.weight.map((row) => padded(row, taps, allTaps))],
    output: a.output.map((row, i) => [...row, ...b.output[i]!]),
  };
}

const axes: Readonly<Record<number, Axis>> = { 1: ONE, 2: TWO, 3: THREE, 4: joined(TWO, TWO), 5: joined(THREE, TWO) };

/** The axis for a kernel of `taps` taps and a stride of `step`, if there is one. */
export function axisOf(taps: number, step: number): Axis | undefined {
  return step === 1 ? axes[taps] : step === 2 && taps === 3 ? STEPPING : undefined;
}

/** The distance from one tile to the next, in elements of the input. */
export const advanceOf = ({ output, step }: Axis): number => output.length * step;

/** The number of elements of the input that the outputs of a tile see. */
export const windowOf = ({ input }: Axis): number => input[0]!.length;
