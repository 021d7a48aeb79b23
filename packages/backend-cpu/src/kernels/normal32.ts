/**
 * Functions of the normal distribution in float32, by a table of Φ and its slope φ: all else in a step follows from them, in
 * fewer instructions than a polynomial for the whole range takes.
 */
import { heap } from "../runtime/index.ts";
import { add, bits, constant, fma, mul, type Node, pmax, pmin, shl } from "./expression.ts";
import { column, MANY_ROWS, table, WORD_PAIR } from "./tables.ts";

/** Beyond ±`LIMIT` Φ is 0 and 1. */
const LIMIT = 8;
const STEP = (2 * LIMIT) / MANY_ROWS;
/** A sum with it is rounded to whole steps, counted from `-LIMIT` on in the low bits. */
const SHIFT = 2 ** 23 * 1.5 * STEP + LIMIT;
/** Φ at `-LIMIT`, where the table has 0. */
const BELOW = 6.22096057e-16;

const density = (x: number): number => Math.exp((x * x) / -2) / Math.sqrt(2 * Math.PI);

/** Φ and φ where steps meet; sums by Simpson's rule. φ is `steeper` than it is. */
function distribution(steeper: (x: number) => number): () => number {
  return table(MANY_ROWS / 2, (start) => {
    heap.f32.fill(0, 2 * start, 2 * start + 2);
    for (let step = 1, below = BELOW; step < MANY_ROWS; step++) {
      const x = step * STEP - LIMIT;
      below += ((density(x - STEP) + 4 * density(x - STEP / 2) + density(x)) * STEP) / 6;
      heap.f32[2 * (start + step)] = below;
      heap.f32[2 * (start + step) + 1] = density(x) * steeper(x);
    }
  });
}

/** (x² - 1) φ r³ / 6 is what a parabola leaves of Φ, and a quarter of it where r³ is taken for 3/4 of the limit of r², times r. */
const rising = distribution((x) => 1 + ((x * x - 1) * (STEP / 2) ** 2) / 8);
const plain = distribution(() => 1);

interface Place {
  /** x between the limits, less the nearest row's. */
  readonly r: Node;
  /** The row's x, halved and negative. */
  readonly middle: Node;
  /** Φ and φ there. */
  readonly below: Node;
  readonly density: Node;
}

function find(x: Node, rows: number): Place {
  const inside = pmin(pmax(x, -LIMIT), LIMIT - STEP);
  const shifted = add(inside, SHIFT);
  const place = shl(bits(shifted), Math.log2(WORD_PAIR));
  const middle = fma(shifted, -0.5, constant("f32", SHIFT / 2));
  const r = fma(middle, 2, inside);
  return { r, middle, below: column(place, rows, 0), density: column(place, rows, 1) };
}

/** (Φ(x) - below) / density = r - middle r² / 2, for the derivative of φ is -x φ. */
const risen = ({ r, middle }: Place): Node => fma(mul(r, middle), r, r);

/** x · Φ(x) */
export function gelu(x: Node): Node {
  const place = find(x, rising());
  return mul(x, fma(risen(place), place.density, place.below));
}

/** Φ(x) + x φ(x), with φ(x) / density = eᵗ for t = -r (2 · middle + r) / 2 */
export function geluSlope(x: Node): Node {
  const place = find(x, plain());
  const { r, middle } = place;
  const t = mul(r, fma(r, -0.5, mul(middle, 2)));
  const inside = fma(middle, -2, r);
  const slope = fma(inside, fma(fma(t, 0.5, 1), t, 1), risen(place));
  return fma(slope, place.density, place.below);
}
