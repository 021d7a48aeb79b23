/**
 * ★ The conversions of 16-bit floats, one row per format: `decode` turns a stored element into float32, `encode` turns
 * float32 into an element. Results that are merely elements chosen by a condition, or given another sign, need no
 * conversion at all: their trees are rewritten to work on the stored elements.
 */
import {
  add,
  and,
  beyond,
  bits,
  constant,
  convert,
  cut,
  dot,
  float,
  gt,
  isNan,
  lt,
  max,
  mul,
  type Node,
  ne,
  or,
  patch,
  select,
  shl,
  shrUnsigned,
  singleBits,
  sub,
  xor,
} from "./expression.ts";
import { collect } from "./lanes.ts";

type Unary = (x: Node) => Node;

export interface HalfFormat {
  readonly decode: Unary;
  readonly encode: Unary;
}

/** The stored elements that decoded numbers were made of. */
const decoded = new WeakMap<Node, Node>();
/** Cheaper trees for the whole parts of some decoded numbers. */
const wholes = new WeakMap<Node, Node>();

/** For a number that was just decoded: whether it differs from 0, which its element tells without being decoded. */
export function isElementNonzero(x: Node): Node | undefined {
  const element = decoded.get(x);
  return element && ne(and(element, 0x7fff), 0);
}

/** The whole part of a decoded number, if there is a cheaper tree than the general one. */
export function wholeOf(x: Node): Node | undefined {
  return wholes.get(x);
}

/**
 * A format whose `encode` avoids rounding where it can. `exact` encodes a number that needs no rounding; it is used if
 * working on the elements would still take float32 arithmetic.
 */
function format(decode: Unary, encode: Unary, exact?: Unary): HalfFormat {
  const elements = new WeakMap<Node, Node>();
  return {
    decode: (element) => {
      const x = decode(element);
      decoded.set(x, element);
      elements.set(x, element);
      elements.set(bits(x), element);
      return x;
    },
    encode: (x) => {
      const element = elementOf(x, elements);
      if (element && exact && [...collect([element])].some(({ type }) => type === "f32")) return exact(x);
      return element ?? encode(x);
    },
  };
}

const upperBits: Unary = (x) => shrUnsigned(bits(x), 16);

export const halves: { readonly [D in "float16" | "bfloat16"]: HalfFormat } = {
  float16: format(fromHalf, toHalf),
  bfloat16: format((x) => float(shl(x, 16)), toBrain, upperBits),
};

/**
 * The element that a number (or its bits) is stored as, as a tree over elements, if that needs no rounding. Bits above
 * the lower 16 do not matter.
 */
function elementOf(x: Node, elements: WeakMap<Node, Node>): Node | undefined {
  const known = elements.get(x);
  if (known) return known;
  const { op, args } = x;
  if (op === "const") return elementOfConstant(x);
  if (!(op in preserving)) return undefined;
  const parts = args.map((arg) => (arg.type === "m32" ? arg : elementOf(arg, elements)));
  return parts.every((part) => part !== undefined) ? preserving[op]!(parts, args) : undefined;
}

/** For each op that keeps elements as they are: the same on elements. */
const preserving: { readonly [op: string]: (elements: readonly Node[], numbers: readonly Node[]) => Node } = {
  bits: ([x]) => x!,
  float: ([x]) => x!,
  and: ([a, b]) => and(a!, b!),
  or: ([a, b]) => or(a!, b!),
  xor: ([a, b]) => xor(a!, b!),
  select: ([mask, a, b]) => select(mask!, a!, b!),
  pmax: ([x, y], [a, b]) => select(lt(a!, b!), y!, x!),
  pmin: ([x, y], [a, b]) => select(lt(b!, a!), y!, x!),
};

/** The element of a constant: 0, or a mask of all bits, of the sign, or of everything but the sign. */
function elementOfConstant({ type, detail }: Node): Node | undefined {
  if (Object.is(detail, 0)) return constant("i32", 0);
  const isKept = type === "i32" && [-1, 0x7fffffff, -0x80000000].includes(detail as number);
  return isKept ? constant("i32", Number(detail) >>> 16) : undefined;
}

/**
 * Decodes float16. A multiplication moves the exponent, which is right for subnormals, too. Infinities and NaN are
 * patched: their exponents are filled with ones.
 */
function fromHalf(raw: Node): Node {
  const value = mul(float(and(shl(raw, 13), -0x70002000)), 2 ** 112);
  const tooLarge = beyond(value, 65504);
  const filled = (x: Node): Node => float(or(bits(x), 0x7f800000));
  const x = patch(tooLarge, value, filled, value);
  wholes.set(
    x,
    patch(tooLarge, cut(value), (y) => convert(filled(y), "i32"), value),
  );
  return x;
}

/**
 * Encodes float16. Adding a power of two that is chosen by the exponent rounds the fraction to nearest even; a little
 * more than that power is added, so that the low bits of the exponent come out right.
 */
function toHalf(x: Node): Node {
  const word = bits(x);
  const size = and(word, 0x7fffffff);
  const sign = and(shrUnsigned(word, 16), 0x8000);
  const power = add(max(and(word, 0x7f800000), singleBits(2 ** -14)), singleBits(2 ** 13) - singleBits(1) + 0x800);
  const rounded = bits(add(float(size), float(power)));
  // The upper half holds the exponent, which has to be moved up by three bits.
  const finite = or(dot(rounded, 8 * 0x10000 + 1), sign);
  if (isFromInts(x, 2)) return finite;
  const tooLarge = sub(singleBits(65520) - 1, size);
  return patch(tooLarge, finite, notFinite, size, sign);
}

function notFinite(size: Node, sign: Node): Node {
  return or(select(gt(size, 0x7f800000), constant("i32", 0x7e00), 0x7c00), sign);
}

/** Whether a number was a whole one of so few bytes. */
function isFromInts({ op, args }: Node, bytes: number): boolean {
  return op === "convert" && Number(args[0]!.element?.bytes) <= bytes;
}

/** To nearest even. Of NaN with low bits, which rounding might carry into the sign, all bits are set. */
function toBrain(x: Node): Node {
  if (isFromInts(x, 1)) return upperBits(x);
  const word = bits(x);
  const rounded = add(add(word, 0x7fff), and(shrUnsigned(word, 16), 1));
  return shrUnsigned(isRound(x) ? rounded : select(isNan(x), constant("i32", -1), rounded), 16);
}

const arithmetic = new Set([
  "add",
  "sub",
  "mul",
  "div",
  "sqrt",
  "fma",
  "pmax",
  "pmin",
  "floor",
  "ceil",
  "trunc",
  "nearest",
]);

/** Whether NaN has no low bits: arithmetic passes on what it gets, or makes one without; whole numbers make none. */
function isRound(x: Node, found: Map<Node, boolean> = new Map()): boolean {
  const known = found.get(x) ?? findRound(x, found);
  found.set(x, known);
  return known;
}

function findRound({ op, args }: Node, found: Map<Node, boolean>): boolean {
  if (op === "const" || (op === "convert" && args[0]!.type === "i32")) return true;
  if (op === "patch") return isRound(args[1]!, found);
  if (op === "float") return args[0]!.op === "shl" && Number(args[0]!.args[1]!.detail) >= 16;
  return arithmetic.has(op) && args.every((arg) => isRound(arg, found));
}
