/** Singular values: a matrix of two diagonals by reflections from both sides, of which implicit shifts leave one. */
import { type Block, type Products, subtractRows } from "./block.ts";
import { basis, Reflections, reflector } from "./reflections.ts";
import { Rotating, TINY, Turns, wearAway } from "./rotations.ts";

export interface Singular {
  /** In any order. */
  readonly values: Float64Array;
  /** The left vectors as rows, first those of the values; the right ones. */
  readonly left: Block | null;
  readonly right: Block | null;
}

/**
 * Finds those of matrices with no fewer rows than columns, which it uses up, and so many left vectors, `null` for none on both
 * sides; `null` where sweeps do not end. The next call writes over its result.
 */
export function singularOf(
  m: number,
  n: number,
  vectors: number | null,
  products: Products,
): (a: Block) => Singular | null {
  const [values, beside, scratch] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const [leftward, rightward] = [new Reflections(n, m), new Reflections(Math.max(n - 1, 0), n)];
  const [lefts, rights] = [new Turns(n), new Turns(n)];
  const left = vectors === null ? null : new Rotating(vectors, m, products);
  const right = vectors === null ? null : new Rotating(n, n, products);
  return (a) => {
    bidiagonalize(a, values, beside, leftward, rightward, scratch);
    if (left) basis(left.rows, leftward, products, false);
    if (right) basis(right.rows, rightward, products, false);
    const done = wearAway(values, beside, (low, high) => {
      const shift = shiftOf(values, beside, low, high);
      if (shift === 0) sweepWithoutShift(values, beside, low, high, lefts, rights);
      else sweep(values, beside, low, high, shift, lefts, rights);
      left?.sweep(low, high, lefts);
      right?.sweep(low, high, rights);
    });
    if (!done) return null;
    left?.finish();
    right?.finish();
    makePositive(values, right?.rows ?? null);
    return { values, left: left?.rows ?? null, right: right?.rows ?? null };
  };
}

function makePositive(values: Float64Array, right: Block | null): void {
  for (let i = 0; i < values.length; i++) {
    if (values[i]! >= 0) continue;
    values[i] = -values[i]!;
    if (right) for (let j = i * right.row; j < (i + 1) * right.row; j++) right.data[j] = -right.data[j]!;
  }
}

function bidiagonalize(
  { data, at, rows, columns, row }: Block,
  diagonal: Float64Array,
  beside: Float64Array,
  lefts: Reflections,
  rights: Reflections,
  sums: Float64Array,
): void {
  const [v, u] = [lefts.v.data, rights.v.data];
  for (let k = 0; k < columns; k++) {
    const corner = at + k * (row + 1);
    const down = k * (rows + 1);
    for (let i = 0; i < rows - k; i++) v[down + i] = data[corner + i * row]!;
    diagonal[k] = reflector(lefts, k, k);
    const rest = columns - k - 1;
    if (rest === 0) continue;
    const line = corner + 1;
    sums.fill(0, 0, rest);
    if (lefts.taus[k] !== 0) subtractRows(sums, 0, rest, v, down, 1, rows - k, data, line, row);
    for (let j = 0; j < rest; j++) sums[j]! *= -lefts.taus[k]!;
    subtractRow(data, line, rest, sums, 0, 1);
    const along = k * (columns + 1) + 1;
    for (let j = 0; j < rest; j++) u[along + j] = data[line + j]!;
    beside[k] = reflector(rights, k, k + 1);
    const tau = rights.taus[k]!;
    for (let i = 1; i < rows - k; i++) {
      const dot = met(data, line + i * row, rest, sums, v[down + i]!, u, along);
      subtractRow(data, line + i * row, rest, u, along, dot * tau);
    }
  }
}

function subtractRow(x: Float64Array, at: number, count: number, y: Float64Array, from: number, factor: number): void {
  for (let j = 0; j < count; j++) x[at + j]! -= factor * y[from + j]!;
}

/** x − factor · y, and its product with z. */
function met(
  x: Float64Array,
  at: number,
  count: number,
  y: Float64Array,
  factor: number,
  z: Float64Array,
  from: number,
): number {
  let dot = 0;
  for (let j = 0; j < count; j++) {
    const value = x[at + j]! - factor * y[j]!;
    x[at + j] = value;
    dot += value * z[from + j]!;
  }
  return dot;
}

/** The smaller singular value of the last two rows; 0 where that is too small to matter, or the matrix singular. */
function shiftOf(d: Float64Array, e: Float64Array, low: number, high: number): number {
  for (let i = low; i <= high; i++) if (d[i]! * d[i]! < TINY) d[i] = 0;
  if (d.subarray(low, high + 1).includes(0)) return 0;
  const [a, b] = [Math.abs(d[high - 1]!), Math.abs(d[high]!)];
  const [least, most] = [Math.min(a, b), Math.max(a, b)];
  const beside = (e[high - 1]! / most) ** 2;
  const sum = Math.sqrt((1 + least / most) ** 2 + beside) + Math.sqrt((1 - least / most) ** 2 + beside);
  const shift = (2 * least) / sum;
  const ratio = shift / Math.abs(d[low]!);
  return ratio * ratio < Number.EPSILON ? 0 : shift;
}

/** Golub and Kahan's step. */
function sweep(
  d: Float64Array,
  e: Float64Array,
  low: number,
  high: number,
  shift: number,
  lefts: Turns,
  rights: Turns,
): void {
  const head = Math.abs(d[low]!);
  let f = (head - shift) * (Math.sign(d[low]!) + shift / d[low]!);
  let g = e[low]!;
  for (let i = low; i < high; i++) {
    let r = rotation(f, g, rights, i);
    let [c, s] = [rights.cosines[i]!, rights.sines[i]!];
    if (i > low) e[i - 1] = r;
    f = c * d[i]! + s * e[i]!;
    e[i] = c * e[i]! - s * d[i]!;
    g = s * d[i + 1]!;
    d[i + 1]! *= c;
    r = rotation(f, g, lefts, i);
    [c, s] = [lefts.cosines[i]!, lefts.sines[i]!];
    d[i] = r;
    f = c * e[i]! + s * d[i + 1]!;
    d[i + 1] = c * d[i + 1]! - s * e[i]!;
    if (i === high - 1) break;
    g = s * e[i + 1]!;
    e[i + 1]! *= c;
  }
  e[high - 1] = f;
}

/** Demmel and Kahan's step, which a zero on the diagonal ends at once. */
function sweepWithoutShift(
  d: Float64Array,
  e: Float64Array,
  low: number,
  high: number,
  lefts: Turns,
  rights: Turns,
): void {
  let [c, s, old] = [1, 0, 1];
  for (let i = low; i < high; i++) {
    const r = rotation(d[i]! * c, e[i]!, rights, i);
    if (i > low) e[i - 1] = s * r;
    [c, s] = [rights.cosines[i]!, rights.sines[i]!];
    d[i] = rotation(old * r, d[i + 1]! * s, lefts, i);
    old = lefts.cosines[i]!;
    s = lefts.sines[i]!;
  }
  const last = d[high]! * c;
  d[high] = last * old;
  e[high - 1] = last * s;
}

/** The rotation that makes (f, g) to (r, 0), and r. */
function rotation(f: number, g: number, { cosines, sines }: Turns, i: number): number {
  const square = f * f + g * g;
  if (square < TINY || g === 0) {
    cosines[i] = 1;
    sines[i] = 0;
    return square < TINY ? 0 : f;
  }
  const r = Math.sqrt(square);
  cosines[i] = f / r;
  sines[i] = g / r;
  return r;
}
