/**
 * Expression trees: what an element-wise kernel computes for one element. Trees are small and immutable. The rows of
 * the op tables are functions from trees to trees, so that ops are fused by feeding one row's tree to the next;
 * `lower.ts` turns trees into WebAssembly.
 *
 * Types: `f32`, `f64`, `i32`, `i64` hold a number; `m32` and `m64` (masks) hold a truth value, in as many bits as the
 * numbers that were compared.
 */

export type NumberType = "f32" | "f64" | "i32" | "i64";
type MaskType = "m32" | "m64";
export type NodeType = NumberType | MaskType;

type UnaryInstruction = "cut" | "sqrt" | "floor" | "ceil" | "trunc" | "nearest" | "not" | "bits" | "float";
type BinaryInstruction = "add" | "sub" | "mul" | "div" | "rem" | "pmin" | "pmax" | "min" | "max" | "and" | "or" | "xor" | "shl" | "shr" | "shrUnsigned" | "dot"; // biome-ignore format: a list
type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge";
export type HostFunction = "acos" | "acosh" | "asin" | "asinh" | "atan" | "atan2" | "atanh" | "cos" | "cosh" | "exp" | "expm1" | "log" | "log10" | "log1p" | "log2" | "pow" | "sin" | "sinh" | "tan" | "tanh"; // biome-ignore format: a list

/** Functions with loops of their own, written in `helpers.ts`; scalar only. */
export type Helper = "gcd" | "power" | "fmod";

/** An element as it is stored, where that is narrower than the number it is loaded as. */
export interface Element {
  readonly bytes: number;
  readonly signed: boolean;
}

export interface Node {
  readonly type: NodeType;
  readonly op:
    | UnaryInstruction
    | BinaryInstruction
    | Comparison
    | "input"
    | "const"
    | "number"
    | "select"
    | "convert"
    | "join"
    | "joinHigh"
    | "upper"
    | "fma"
    | "host"
    | "helper"
    | "lookup"
    | "column"
    | "patch";
  readonly args: readonly Node[];
  /** An input's index, a constant's value, the address of a number or a table, the name of a host function or a helper. */
  readonly detail?: number | bigint | HostFunction | Helper;
  /** `input`: how the element is stored, if that is known. */
  readonly element?: Element;
  /** `lookup`: the lowest of the bits that hold the row's number. */
  readonly bit?: number;
  /** `column`: which number of the row. */
  readonly column?: number;
  /** `patch`: the slow way, a tree whose inputs are the arguments after the second. */
  readonly fallback?: Node;
  /** `patch`: the fallback gives the same bits as the fast way wherever that is right, see `extended`. */
  readonly servesAll?: true;
}

/** An operand of a constructor: numbers become constants of the other operand's type. */
export type Operand = Node | number;

function node(type: NodeType, op: Node["op"], ...args: readonly Node[]): Node {
  return { type, op, args };
}

/** The `index`-th input, as it is loaded. */
export function input(index: number, type: NumberType): Node {
  return { type, op: "input", args: [], detail: index };
}

export function constant(type: NodeType, value: number | bigint): Node {
  return { type, op: "const", args: [], detail: value };
}

/** A number that is read from an address when the kernel runs. */
export function numberAt(type: "f32" | "f64", address: number): Node {
  return { type, op: "number", args: [], detail: address };
}

export function isFloatType(type: NodeType): type is "f32" | "f64" {
  return type === "f32" || type === "f64";
}

/** The bits of a value, which decide how many fit into a vector. */
export function widthOf(type: NodeType): 32 | 64 {
  return type === "f64" || type === "i64" || type === "m64" ? 64 : 32;
}

function pair(a: Operand, b: Operand): [Node, Node] {
  if (typeof a === "object") return [a, typeof b === "object" ? b : constant(a.type, b)];
  if (typeof b === "object") return [constant(b.type, a), b];
  throw new Error("expression: two numbers make no tree. Give one operand as a node.");
}

const binary =
  (op: BinaryInstruction) =>
  (a: Operand, b: Operand): Node => {
    const [x, y] = pair(a, b);
    return node(x.type, op, x, y);
  };
const comparison =
  (op: Comparison) =>
  (a: Operand, b: Operand): Node => {
    const [x, y] = pair(a, b);
    return node(widthOf(x.type) === 64 ? "m64" : "m32", op, x, y);
  };
const unary =
  (op: UnaryInstruction) =>
  (x: Node): Node =>
    node(x.type, op, x);

type Unary = (x: Node) => Node;
type Binary = (a: Operand, b: Operand) => Node;

export const add: Binary = binary("add");
export const sub: Binary = binary("sub");
export const mul: Binary = binary("mul");
/** Integers: towards zero. The divisor must not be 0. */
export const div: Binary = binary("div");
/** Integers only: the remainder with the dividend's sign. */
export const rem: Binary = binary("rem");
/** a < b ? b : a and b < a ? b : a, floats only: where one is NaN, `a` comes out. */
export const pmax: Binary = binary("pmax");
export const pmin: Binary = binary("pmin");
/** Bitwise on integers, logical on masks. */
export const and: Binary = binary("and");
export const or: Binary = binary("or");
export const xor: Binary = binary("xor");
export const shl: Binary = binary("shl");
export const shr: Binary = binary("shr");
export const shrUnsigned: Binary = binary("shrUnsigned");
/** The sum of the products of the halves of words, which have signs. */
export const dot: Binary = binary("dot");
export const eq: Binary = comparison("eq");
export const ne: Binary = comparison("ne");
export const lt: Binary = comparison("lt");
export const le: Binary = comparison("le");
export const gt: Binary = comparison("gt");
export const ge: Binary = comparison("ge");
export const sqrt: Unary = unary("sqrt");
export const floor: Unary = unary("floor");
export const ceil: Unary = unary("ceil");
export const trunc: Unary = unary("trunc");
/** To whole numbers, halves to even. */
export const nearest: Unary = unary("nearest");
export const not: Unary = unary("not");

/**
 * Flips the sign bit. V8 reloads the constant for its own `neg` and `abs` each time, but keeps that of a bitwise op.
 */
export function neg(x: Node): Node {
  return isFloatType(x.type) ? float(xor(bits(x), signMask(x))) : sub(0, x);
}

export function abs(x: Node): Node {
  return isFloatType(x.type) ? magnitude(x) : select(lt(x, 0), sub(0, x), x);
}

function magnitude(x: Node): Node {
  return float(and(bits(x), x.type === "f64" ? constant("i64", 0x7fffffffffffffffn) : 0x7fffffff));
}

/** The sign bit alone. */
function signMask(x: Node): Node {
  return x.type === "f64" ? constant("i64", -0x8000000000000000n) : constant("i32", -0x80000000);
}

/** The larger; NaN if either is NaN. */
export function max(a: Operand, b: Operand): Node {
  const [x, y] = pair(a, b);
  if (x.type === "i32") return node("i32", "max", x, y);
  if (x.type === "i64") return select(lt(x, y), y, x);
  return y.op === "const" ? pmax(x, y) : orNan(x, pmax(y, x));
}

/** The smaller; NaN if either is NaN. */
export function min(a: Operand, b: Operand): Node {
  const [x, y] = pair(a, b);
  if (x.type === "i32") return node("i32", "min", x, y);
  if (x.type === "i64") return select(lt(y, x), y, x);
  return y.op === "const" ? pmin(x, y) : orNan(x, pmin(y, x));
}

/** `other`, or a NaN where x is NaN: setting all bits there takes no blending. */
function orNan(x: Node, other: Node): Node {
  return float(select(ne(x, x), constant(x.type === "f64" ? "i64" : "i32", -1), bits(other)));
}

/** `mask ? a : b` by element; both are computed. */
export function select(mask: Node, a: Operand, b: Operand): Node {
  const [x, y] = pair(a, b);
  return node(x.type, "select", asMask(mask, widthOf(x.type)), x, y);
}

function asMask(mask: Node, width: 32 | 64): Node {
  if (widthOf(mask.type) === width) return mask;
  return mask.op === "convert" ? mask.args[0]! : node(width === 64 ? "m64" : "m32", "convert", mask);
}

/** a · b + c, rounded once where the host can. */
export function fma(a: Operand, b: Operand, c: Operand): Node {
  const [x, y] = pair(a, b);
  return node(x.type, "fma", x, y, pair(x, c)[1]);
}

/** A float's bits as an integer of its width, and back. */
export function bits(x: Node): Node {
  if (x.op === "float") return x.args[0]!;
  return node(x.type === "f64" ? "i64" : "i32", "bits", x);
}
export function float(x: Node): Node {
  return node(x.type === "i64" ? "f64" : "f32", "float", x);
}

/** To another number type: floats go towards zero to the nearest integer that there is; masks become 0 and 1. */
export function convert(x: Node, type: NumberType): Node {
  if (x.type === type) return x;
  if (x.type === "m32" || x.type === "m64") return select(x, constant(type, 1), 0);
  if (isFlag(x) && type === "i64") return convert(x.args[0]!, type);
  if (x.type === "i64" && isFloatType(type)) return type === "f64" ? wholeToDouble(x) : wholeToSingle(x);
  if (type === "i64" && isFloatType(x.type)) return toWhole(x);
  return node(type, "convert", x);
}

/** Whether x is a mask as 0 and 1. */
function isFlag({ op, args: [, yes, no] }: Node): boolean {
  const is = (x: Node, value: number): boolean => x.op === "const" && x.detail === value;
  return op === "select" && is(yes!, 1) && is(no!, 0);
}

/** The bits of 2⁵² and, for the upper half, of 2⁸⁴ + 2⁶³: whole numbers below them stand in the low bits of their sums. */
const LOW_HALF = constant("i64", 0x4330000000000000n);
const HIGH_HALF = constant("i64", 0x4530000080000000n);

/** An int64 number as a double: both halves become doubles exactly, and their sum is rounded once. */
function wholeToDouble(x: Node): Node {
  const low = float(or(and(x, constant("i64", 0xffffffffn)), LOW_HALF));
  return add(sub(float(xor(shrUnsigned(x, 32), HIGH_HALF)), 2 ** 84 + 2 ** 63 + 2 ** 52), low);
}

/** Adding 1.5 · 2⁵² to a double rounds to a whole number, which then stands in the low bits. */
const WHOLE = 1.5 * 2 ** 52;
const WHOLE_BITS = constant("i64", 0x4338000000000000n);

/** An int64 number as a double; `signs` is negative for numbers beyond ±2⁵¹, where the double is wrong. */
export function nearDouble(x: Node): { readonly double: Node; readonly signs: Node } {
  const shifted = add(x, WHOLE_BITS);
  const above = sub(shifted, LOW_HALF);
  const signs = or(above, sub(constant("i64", 2n ** 52n - 1n), above));
  return { double: sub(float(shifted), WHOLE), signs };
}

/** A whole double within ±2⁵¹ as int64. */
export function nearWhole(x: Node): Node {
  return sub(bits(add(x, WHOLE)), WHOLE_BITS);
}

/** The upper half of an int64 number. */
function highWord(x: Node): Node {
  return node("i32", "convert", shr(x, 32));
}

/** An int64 number as float32, through a double that holds it exactly, so that it is rounded once. */
function wholeToSingle(x: Node): Node {
  const low = node("i32", "convert", x);
  const longer = ne(xor(shr(low, 31), highWord(x)), 0);
  return patch(longer, node("f32", "convert", low), longToSingle, x);
}

function longToSingle(x: Node): Node {
  const { double, signs } = nearDouble(x);
  return patch(signs, node("f32", "convert", double), (y) => node("f32", "convert", y), x);
}

function toWhole(x: Node): Node {
  if (x.type === "f64") return toLong(x);
  // The largest one below 2³¹.
  return patch(beyond(x, 2147483520), node("i64", "convert", cut(x)), toLong, x);
}

function toLong(x: Node): Node {
  const double = convert(x, "f64");
  return patch(beyond(double, 2 ** 51), nearWhole(trunc(double)), (y) => node("i64", "convert", y), x);
}

/** The whole part of a float32 number, as int32. */
export function cut(x: Node): Node {
  return node("i32", "cut", x);
}

/** Whether x is not 0 (NaN is not). A truth value that was stored as 1 or 0 is taken as it was. */
export function nonzero(x: Node): Node {
  if (isFlag(x)) return x.args[0]!;
  return x.type === "m32" || x.type === "m64" ? x : ne(x, 0);
}

/** `Math.<name>`, in float64; scalar. */
export function host(name: HostFunction, ...args: readonly Node[]): Node {
  return { type: "f64", op: "host", args: args.map((x) => convert(x, "f64")), detail: name };
}

export function helper(name: Helper, ...args: readonly Node[]): Node {
  return { type: args[0]!.type, op: "helper", args, detail: name };
}

/** Negative or true where |x| exceeds a positive limit, or x is NaN. */
export function beyond(x: Node, limit: number): Node {
  const word = wordOf(x.type, limit);
  return x.type === "f32" ? gt(and(bits(x), 0x7fffffff), word) : xor(sub(word, bits(x)), bits(x));
}

/** The bits of a number of a float type. */
export function wordOf(type: NodeType, x: number): Node {
  if (type === "f32") return constant("i32", singleBits(x));
  return constant("i64", new BigInt64Array(Float64Array.of(x).buffer)[0]!);
}

/** x with the low half of its fraction cleared: products of two such numbers are exact. */
export function upperHalf(x: Node): Node {
  return float(and(bits(x), x.type === "f64" ? constant("i64", -0x8000000n) : -0x1000));
}

/** The bits of a float32 number. */
export function singleBits(x: number): number {
  return new Int32Array(Float32Array.of(x).buffer)[0]!;
}

/**
 * `fast` in general, but `fallback` of `xs` where `signs` is negative or true. For arguments so rare that the fast way
 * need not cover them: the fallback is computed only if some element of a vector needs it, and only for those elements
 * if it uses scalar functions.
 */
export function patch(
  signs: Node,
  fast: Node,
  fallback: (...xs: readonly Node[]) => Node,
  ...xs: readonly Node[]
): Node {
  const holes = xs.map((x, i) => input(i, x.type as NumberType));
  return { type: fast.type, op: "patch", args: [signs, fast, ...xs], fallback: fallback(...holes) };
}

const squares = new WeakMap<Node, Node>();

/** x². Returns the same node for the same x, so that it is computed once. */
export function square(x: Node): Node {
  const known = squares.get(x) ?? mul(x, x);
  squares.set(x, known);
  return known;
}

/** Horner's rule, highest power first: fewest instructions, each waiting for the one before. */
export function horner(x: Node, first: Node, ...rest: readonly Operand[]): Node {
  return rest.reduce<Node>((sum, c) => fma(sum, x, c), first);
}

/**
 * Σ coefficients[i] · xⁱ, highest power first in the list: Horner's rule, in x² over pairs where there are many. That takes
 * one product more, but half as long a chain of instructions that wait for each other.
 */
export function polynomial(x: Node, ...coefficients: readonly number[]): Node {
  const constants = coefficients.map((c) => constant(x.type, c));
  if (constants.length < 5) return horner(x, ...(constants as [Node]));
  const single = constants.length % 2;
  const pairs = constants.flatMap((c, i) =>
    i < single ? [c] : i % 2 === single ? [fma(c, x, constants[i + 1]!)] : [],
  );
  return horner(square(x), ...(pairs as [Node]));
}

/** `a` with the sign of `b`. */
export function copySign(a: Node, b: Node): Node {
  return float(or(bits(magnitude(a)), signBit(b)));
}

/** `size` with the sign of `x`, provided that the sign bit of `size` is not set, or equal already. */
export function withSign(size: Node, x: Node): Node {
  return float(or(bits(size), signBit(x)));
}

/** A float's sign bit alone, in an integer. */
export function signBit(x: Node): Node {
  return and(bits(x), signMask(x));
}

/** Whether the sign bit is set, of NaN and −0 too. */
export function isNegative(x: Node): Node {
  const whole = isFloatType(x.type) ? bits(x) : x;
  return lt(whole.type === "i64" ? highWord(whole) : whole, 0);
}

export function isNan(x: Node): Node {
  return ne(x, x);
}
