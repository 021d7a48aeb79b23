/** Functions of float32 that need more precision on the way: computed on vectors of float64, rounded at the end. */
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  convert,
  copySign,
  div,
  eq,
  float,
  fma,
  ge,
  isNan,
  le,
  lt,
  mul,
  type Node,
  nearest,
  neg,
  or,
  patch,
  pmax,
  pmin,
  polynomial,
  select,
  shl,
  shr,
  shrUnsigned,
  singleBits,
  sqrt,
  square,
  sub,
  wordOf,
} from "./expression.ts";
import * as m64 from "./math64.ts";
import { extended } from "./patches.ts";
import { signed, turned, withoutFractions } from "./power64.ts";

const INFINITY = Number.POSITIVE_INFINITY;
const f64 = (value: number): Node => constant("f64", value);
const i64 = (value: bigint): Node => constant("i64", value);
const wide =
  (f: (...xs: readonly Node[]) => Node) =>
  (...xs: readonly Node[]): Node =>
    convert(f(...xs.map((x) => convert(x, "f64"))), "f32");

const SERIES = [0.2828943745715255, 0.31990618475532295, 0.4122092382250214, 0.5770779425301307, 0.9617966941126749, 2.8853900817778504] as const; // biome-ignore format: one list

/** log₂ of 2ᵉ (1 + f), for f from √½ - 1 to √2 - 1, to 1e-13. */
function log2Near(e: Node, f: Node): Node {
  const s = div(f, add(f, 2));
  return fma(s, polynomial(square(s), ...SERIES), e);
}

/** Of a positive normal number. */
function log2Inside(x: Node): Node {
  // Of numbers from √½ to √2 the exponent comes out as that of 1; from the others theirs is taken away.
  const raised = add(bits(x), i64(0x95f6200000000n));
  const e = float(or(shrUnsigned(raised, 52), i64(0x4330000000000000n)));
  const m = float(add(sub(bits(x), and(raised, i64(0x7ff0000000000000n))), i64(0x3ff0000000000000n)));
  return log2Near(sub(e, 2 ** 52 + 1023), sub(m, 1));
}

/** Of a normal number ≥ 0; -∞ and ∞ at the ends. */
function log2Of(x: Node): Node {
  return select(eq(x, 0), f64(-INFINITY), select(eq(x, INFINITY), x, log2Inside(x)));
}

/** 2ˣ to 4e-11, for |x| far below 1023. */
function exp2Of(x: Node): Node {
  const shifted = add(x, 6755399441055744);
  const r = sub(x, sub(shifted, 6755399441055744));
  const p = polynomial(r, 1.5303700711365693e-5, 1.5469729214118296e-4, 1.3333478473685416e-3, 9.618025613318034e-3, 5.5504109063258665e-2, 0.24022651213498092, 0.6931471805568324, 0.9999999999595618); // biome-ignore format: one list
  return float(add(bits(p), shl(bits(shifted), 52)));
}

const log = (x: Node): Node => mul(log2Of(x), Math.LN2);

/** An odd function: x + factor · x³ near 0, elsewhere `far` with the sign of x; NaN as it is. */
function odd(x: Node, factor: number, far: Node): Node {
  const size = select(lt(abs(x), 2 ** -10), fma(mul(square(x), x), factor, x), far);
  return select(isNan(x), x, copySign(size, x));
}

export const asinh = wide((x) => odd(x!, -1 / 6, log(add(abs(x!), sqrt(add(square(x!), 1))))));

export const acosh = wide((x) => select(ge(x!, 1), log(add(x!, sqrt(sub(square(x!), 1)))), f64(Number.NaN)));

export const atanh = wide((x) => {
  const far = mul(log(div(add(abs(x!), 1), sub(1, abs(x!)))), 0.5);
  return select(le(abs(x!), 1), odd(x!, 1 / 3, far), f64(Number.NaN));
});

/** exp(-t²) times a fit of erfc(t) · exp(t²) in the variable (t - 3) / (t + 3), good to 2e-9 up to 10.2. */
export const erfc = wide((x) => {
  const t = pmin(abs(x!), 10.2);
  const ratio = polynomial(div(sub(t, 3), add(t, 3)), 5.59159088133e-5, 2.88802768318e-5, -5.94569543556e-4, 7.15731106584e-4, 4.26887610036e-3, -2.4394231653e-2, 7.16658642018e-2, -0.150115781796, 0.245603797562, -0.326233563828, 0.179001151265); // biome-ignore format: one list
  const tail = mul(exp2Of(mul(square(t), -Math.LOG2E)), ratio);
  return select(lt(x!, 0), sub(2, tail), tail);
});

/**
 * Fits of erfinv(y) / y in w = -log(1 - y²) below 5, in its root above, good to 7e-9, over 1 - y² down to 1.1e-7; `careful` of x
 * elsewhere.
 */
function inverseErf(y: Node, rest: Node, careful: (x: Node) => Node, x: Node): Node {
  const w = mul(log2Inside(rest), -Math.LN2);
  const low = polynomial(w, -8.79099871846e-9, 2.21030132897e-7, -1.97645812798e-6, 3.98322477826e-6, 4.45652445395e-5, -1.27481677862e-4, -2.33429617411e-3, 1.15486539039e-2, 0.232013818036, 0.886226920495); // biome-ignore format: one list
  const high = polynomial(sqrt(w), 1.25920426135e-4, -3.7168688224e-3, 4.83346088004e-2, -0.362469440701, 1.7203812778, -5.32365155524, 10.6150344749, -12.8480045198, 9.10751932172, -1.86002842372); // biome-ignore format: one list
  const unusual = or(sub(bits(rest), wordOf("f64", 1.1e-7)), sub(wordOf("f64", 1), bits(rest)));
  return patch(unusual, mul(y, select(lt(w, 5), low, high)), careful, x);
}

export const erfinv = wide((y) => inverseErf(y!, sub(1, square(y!)), m64.erfinv, y!));

export const ndtri = wide((p) => {
  const y = sub(mul(p!, 2 * Math.SQRT2), Math.SQRT2);
  return inverseErf(y, mul(mul(p!, 4), sub(1, p!)), m64.ndtri, p!);
});

/** w ≥ 0 less 2, up to 1 from either side. */
const aboutTwo = (w: Node): Node => sub(w, select(lt(w, 1), f64(1), 2));

/** What is known for x ≥ 0; elsewhere `below` of what it is for 1 - x, and of what x has beyond a whole number. */
function reflected(x: Node, above: (w: Node) => Node, below: (mirrored: Node, turn: Node) => Node): Node {
  const anywhere = (y: Node): Node => {
    const isBelow = lt(y, 0);
    const value = above(select(isBelow, sub(1, y), y));
    return select(isBelow, below(value, sub(y, nearest(y))), value);
  };
  return extended(bits(x), above(x), anywhere, x);
}

/** Fits about the zeros 1 and 2 and of Stirling's series from 3 on. */
function logGamma(w: Node): Node {
  const [t, l, r] = [aboutTwo(w), log(w), div(1, w)];
  const fit = polynomial(t, -3.87461e-5, 7.81937e-5, -5.23887e-5, 1.305874e-4, -4.255997e-4, 9.443358e-4, -2.1020505e-3, 4.991547e-3, -1.23849768e-2, 3.29656274e-2, -0.100317273, 0.4227843262); // biome-ignore format: one list
  const near = sub(select(lt(w, 1), neg(l), 0), mul(mul(add(t, 1), sub(0, t)), fit));
  const series = mul(r, polynomial(square(r), -4.557e-4, 7.8493e-4, -2.777595e-3, 8.33333327e-2));
  const far = add(sub(mul(sub(w, 0.5), l), w), add(series, Math.log(2 * Math.PI) / 2));
  return select(eq(w, INFINITY), w, select(lt(w, 3), near, far));
}

/** log |Γ(x)|: the reflection with sin πx. */
export const lgamma = wide((x) =>
  reflected(x!, logGamma, (mirrored, turn) => {
    const sine = mul(turn, polynomial(square(turn), -7.022e-3, 8.2046e-2, -0.5992513, 2.55016324, -5.167712762, Math.PI)); // biome-ignore format: one list
    const below = sub(sub(Math.log(Math.PI), log(abs(sine))), mirrored);
    return select(eq(mirrored, INFINITY), mirrored, below);
  }),
);

/** Fits about the zero and of the series. */
function slopeOfLogGamma(w: Node): Node {
  const [t, r] = [aboutTwo(w), div(1, w)];
  const fit = polynomial(t, 2.165128e-4, -4.141423e-4, 1.253981e-4, -3.108694e-4, 1.5094018e-3, -2.9772001e-3, 5.4990123e-3, -1.12656073e-2, 2.34559543e-2, -4.95604338e-2, 0.1089994075, -0.2607386116, 0.7853075433); // biome-ignore format: one list
  const near = sub(mul(add(t, 0.5383678550316378), fit), select(lt(w, 1), r, 0));
  const series = mul(square(r), polynomial(square(r), -2.9787e-3, 3.89559e-3, -8.33183e-3, 8.33333284e-2));
  return select(lt(w, 3), near, sub(sub(log(w), mul(r, 0.5)), series));
}

/** The derivative of lgamma: the reflection with π cot πx. */
export const digamma = wide((x) =>
  reflected(x!, slopeOfLogGamma, (mirrored, turn) => {
    const cotangent = polynomial(square(turn), -6.12814, 5.452e-2, -2.48474, -1.94764, -2.038732, -2.1645149, -3.28986976, 1.000000003); // biome-ignore format: one list
    return select(eq(turn, 0), f64(Number.NaN), sub(mirrored, div(cotangent, turn)));
  }),
);

/** Clamped where all results are 0 or ∞. */
const power2 = (x: Node): Node => exp2Of(pmin(pmax(x, -200), 200));

/** The bits of a sign and an exponent, and of √½. */
const [EXPONENT, SQRT_HALF] = [-0x800000, 0x3f3504f3];

/**
 * Powers within float32's rounding: 2 to the y · log₂ x, with the logarithm from artanh's series and the power from a
 * polynomial. What can be done in float32 is: a vector holds more of it.
 */
export function power(base: Node, exponent: Node): Node {
  const word = bits(abs(base));
  const e = and(sub(word, SQRT_HALF), EXPONENT);
  const f = sub(float(sub(word, e)), 1);
  const t = mul(convert(exponent, "f64"), log2Near(convert(shr(e, 23), "f64"), convert(f, "f64")));
  const size = convert(extended(beyond(t, 1000), exp2Of(t), power2, t), "f32");
  const value = withoutFractions(turned(size, base, exponent), base, exponent);
  const largest = singleBits(INFINITY) - 1;
  const unusual = or(add(word, EXPONENT), or(sub(largest, word), sub(largest, bits(abs(exponent)))));
  return patch(unusual, value, anyPower, base, exponent);
}

const anyPower = wide((x, y) => signed(x!, y!, (size, z) => power2(mul(z, log2Of(size)))));
