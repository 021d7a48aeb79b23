/** Division of floats with a rest: exact, as PyTorch rounds it, on whole vectors. */
import {
  abs,
  add,
  and,
  bits,
  constant,
  copySign,
  div,
  eq,
  float,
  floor,
  fma,
  gt,
  helper,
  lt,
  type Node,
  ne,
  neg,
  or,
  patch,
  select,
  signBit,
  sub,
  trunc,
  upperHalf,
  withSign,
  wordOf,
  xor,
} from "./expression.ts";

type Division = (a: Node, b: Node) => Node;

/** Of the sizes of a and b. */
interface Parts {
  readonly whole: Node;
  readonly rest: Node;
}

/**
 * The whole quotient times b is taken from a in four exact products of halves, largest first: what is left fits in a number
 * each time. A quotient that was rounded up to a whole number leaves less than nothing.
 */
function divide(x: Node, y: Node, quotient: Node): Parts {
  const whole = trunc(quotient);
  const [high, upper] = [upperHalf(whole), upperHalf(y)];
  const [low, minusUpper, minusLower] = [sub(whole, high), neg(upper), sub(upper, y)];
  const most = fma(high, minusLower, fma(high, minusUpper, x));
  const rest = fma(low, minusLower, fma(low, minusUpper, most));
  const over = lt(rest, 0);
  return { whole: sub(whole, select(over, constant(x.type, 1), 0)), rest: add(rest, select(over, y, 0)) };
}

/** What comes of a division with a rest; the slow way where the quotient is large, or something infinite or NaN. */
const ofDivision =
  (result: (parts: Parts, a: Node, b: Node) => Node, careful: Division): Division =>
  (a, b) => {
    const [x, y] = [abs(a), abs(b)];
    const quotient = div(x, y);
    const [limit, largest] = a.type === "f64" ? [2 ** 50, Number.MAX_VALUE] : [2 ** 22, 2 ** 128 - 2 ** 104];
    const unusual = or(sub(wordOf(a.type, limit), bits(quotient)), sub(wordOf(a.type, largest), bits(y)));
    return patch(unusual, result(divide(x, y, quotient), a, b), careful, a, b);
  };

const fmodOf: Division = (a, b) => helper("fmod", a, b);

/** A remainder moved to the divisor's side of 0. */
export function towards(rest: Node, b: Node): Node {
  const wrong = and(ne(rest, 0), xor(lt(rest, 0), lt(b, 0)));
  return select(wrong, add(rest, b), rest);
}

export const fmod: Division = ofDivision(({ rest }, a) => withSign(rest, a), fmodOf);

export const remainder: Division = ofDivision(
  ({ rest }, a, b) => towards(withSign(rest, a), b),
  (a, b) => towards(fmodOf(a, b), b),
);

/** Below 0 a rest makes the quotient one more in size. */
export const floorDivide: Division = ofDivision(({ whole, rest }, a, b) => {
  const sign = signBit(float(xor(bits(a), bits(b))));
  const more = and(lt(sign, 0), ne(rest, 0));
  return float(or(bits(add(whole, select(more, constant(a.type, 1), 0))), sign));
}, carefulFloor);

function carefulFloor(a: Node, b: Node): Node {
  const rest = fmodOf(a, b);
  const exact = div(sub(a, rest), b);
  const lower = select(and(ne(rest, 0), xor(lt(rest, 0), lt(b, 0))), sub(exact, 1), exact);
  const whole = floor(lower);
  const rounded = select(gt(sub(lower, whole), 0.5), add(whole, 1), whole);
  const plain = div(a, b);
  return select(eq(b, 0), plain, select(eq(lower, 0), copySign(constant(a.type, 0), plain), rounded));
}
