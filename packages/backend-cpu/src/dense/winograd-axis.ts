/**
 * Neighbouring outputs of a convolution with fewer products: along an axis, two of them with a kernel of three share four
 * products instead of six, with one of two three instead of four. Longer kernels are sums of such pieces. Only 0, 1, -1 and
 * infinity are points of the polynomials behind this, so results are as exact as sums in any other order (Winograd,
 * Arithmetic Complexity of Computations, 1980; Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, 2016).
 */

/** By rows. */
export type Matrix = readonly (readonly number[])[];

/** Each output is a sum of products: `output` · ((`weight` · taps) ⊙ (`input` · window)). */
export interface Axis {
  /** Of as many elements as the window, for each product. */
  readonly input: Matrix;
  /** Of as many as the kernel has taps, for each product. */
  readonly weight: Matrix;
  /** Of as many as there are products, for each output. */
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

/** An axis along which the kernel has one tap: outputs go one by one. */
const ONE: Axis = { step: 1, input: [[1]], weight: [[1]], output: [[1]] };

/**
 * In steps of two, the outer taps meet every second element, as a kernel of two would, and the middle one those between: five
 * products for two outputs instead of six.
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

/** Both kernels, one behind the other. */
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

/** For a kernel of so many taps that takes such steps, if there is one. */
export function axisOf(taps: number, step: number): Axis | undefined {
  return step === 1 ? axes[taps] : step === 2 && taps === 3 ? STEPPING : undefined;
}

/** How many elements of the input lie from one tile to the next. */
export const advanceOf = ({ output, step }: Axis): number => output.length * step;

/** How many elements of the input two outputs, or one, see. */
export const windowOf = ({ input }: Axis): number => input[0]!.length;
