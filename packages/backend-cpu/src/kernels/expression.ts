/**
 * What an element-wise kernel computes, as a small immutable tree over one element. Rows of the op tables build trees from
 * trees, so a chain of ops is fused by feeding one row's tree to the next; `lower.ts` turns trees into WebAssembly.
 *
 * Types: `f32`, `f64`, `i32`, `i64` hold a number, `m32` and `m64` a truth value as wide as the numbers that were compared.
 */

export type NumberType = "f32" | "f64" | "i32" | "i64";
type MaskType = "m32" | "m64";
export type NodeType = NumberType | MaskType;

type UnaryInstruction = "neg" | "abs" | "sqrt" | "floor" | "ceil" | "trunc" | "nearest" | "not" | "bits" | "float";
type BinaryInstruction =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "rem"
  | "pmin"
  | "pmax"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | "shrUnsigned";
type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge";
export type HostFunction = "acos" | "acosh" | "asin" | "asinh" | "atan" | "atan2" | "atanh" | "cos" | "cosh" | "exp" | "expm1" | "hypot" | "log" | "log10" | "log1p" | "log2" | "pow" | "sin" | "sinh" | "tan" | "tanh"; // biome-ignore format: a list

/** Functions with loops of their own, written in `helpers.ts`; scalar only. */
export type Helper = "gcd" | "power" | "fmod";

export interface Node {
  readonly type: NodeType;
  readonly op:
    | UnaryInstruction
    | BinaryInstruction
    | Comparison
    | "input"
    | "const"
    | "select"
    | "convert"
    | "fma"
    | "host"
    | "helper"
    | "patch";
  readonly args: readonly Node[];
  /** An input's index, a constant's value, the name of a host function or a helper. */
  readonly detail?: number | bigint | HostFunction | Helper;
  /** `patch`: what replaces the lanes in question, over the args after the second. */
  readonly fallback?: Node;
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

export function isFloatType(type: NodeType): type is "f32" | "f64" {
  return type === "f32" || type === "f64";
}

/** Bits of one element: what decides how many fit into a vector. */
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

export function neg(x: Node): Node {
  return isFloatType(x.type) ? node(x.type, "neg", x) : sub(0, x);
}

export function abs(x: Node): Node {
  return isFloatType(x.type) ? node(x.type, "abs", x) : select(lt(x, 0), sub(0, x), x);
}

/** The larger; NaN if either is NaN. */
export function max(a: Operand, b: Operand): Node {
  const [x, y] = pair(a, b);
  if (!isFloatType(x.type)) return select(lt(x, y), y, x);
  return y.op === "const" ? pmax(x, y) : select(ne(x, x), x, pmax(y, x));
}

/** The smaller; NaN if either is NaN. */
export function min(a: Operand, b: Operand): Node {
  const [x, y] = pair(a, b);
  if (!isFloatType(x.type)) return select(lt(y, x), y, x);
  return y.op === "const" ? pmin(x, y) : select(ne(x, x), x, pmin(y, x));
}

/** `mask ? a : b` by element; both are computed. */
export function select(mask: Node, a: Operand, b: Operand): Node {
  const [x, y] = pair(a, b);
  return node(x.type, "select", asMask(mask, widthOf(x.type)), x, y);
}

function asMask(mask: Node, width: 32 | 64): Node {
  return widthOf(mask.type) === width ? mask : node(width === 64 ? "m64" : "m32", "convert", mask);
}

/** a · b + c, rounded once where the host can. */
export function fma(a: Operand, b: Operand, c: Operand): Node {
  const [x, y] = pair(a, b);
  return node(x.type, "fma", x, y, pair(x, c)[1]);
}

/** A float's bits as an integer of its width, and back. */
export function bits(x: Node): Node {
  return node(x.type === "f64" ? "i64" : "i32", "bits", x);
}
export function float(x: Node): Node {
  return node(x.type === "i64" ? "f64" : "f32", "float", x);
}

/** To another number type: floats go towards zero to the nearest integer that there is; masks become 0 and 1. */
export function convert(x: Node, type: NumberType): Node {
  if (x.type === type) return x;
  if (x.type === "m32" || x.type === "m64") return select(x, constant(type, 1), 0);
  return node(type, "convert", x);
}

/** Whether x is not 0 (NaN is not). */
export function nonzero(x: Node): Node {
  return x.type === "m32" || x.type === "m64" ? x : ne(x, 0);
}

/** `Math.<name>`, in float64; scalar. */
export function host(name: HostFunction, ...args: readonly Node[]): Node {
  return { type: "f64", op: "host", args: args.map((x) => convert(x, "f64")), detail: name };
}

export function helper(name: Helper, ...args: readonly Node[]): Node {
  return { type: args[0]!.type, op: "helper", args, detail: name };
}

/**
 * `fast`, but where `mask` holds, the slow way over `xs`, which is computed only where some element of a vector needs it,
 * and for those elements alone if it uses scalar functions. For arguments so rare that the fast way need not cover them.
 */
export function patch(
  mask: Node,
  fast: Node,
  fallback: (...xs: readonly Node[]) => Node,
  ...xs: readonly Node[]
): Node {
  const holes = xs.map((x, i) => input(i, x.type as NumberType));
  return { type: fast.type, op: "patch", args: [mask, fast, ...xs], fallback: fallback(...holes) };
}

/** Σ coefficients[i] · xⁱ by Horner's rule, highest power first in the list. */
export function polynomial(x: Node, ...coefficients: readonly number[]): Node {
  return coefficients.slice(1).reduce<Node>((sum, c) => fma(sum, x, c), constant(x.type, coefficients[0]!));
}

/** `a` with the sign of `b`. */
export function copySign(a: Node, b: Node): Node {
  const [magnitude, sign] = signBits(a.type);
  return float(or(and(bits(a), constant(bitsOf(a.type), magnitude)), and(bits(b), constant(bitsOf(a.type), sign))));
}

/** Whether the sign bit is set, of NaN and −0 too. */
export function isNegative(x: Node): Node {
  return lt(isFloatType(x.type) ? bits(x) : x, 0);
}

export function isNan(x: Node): Node {
  return ne(x, x);
}

function bitsOf(type: NodeType): NumberType {
  return type === "f64" ? "i64" : "i32";
}

function signBits(type: NodeType): readonly [magnitude: number | bigint, sign: number | bigint] {
  return type === "f64" ? [0x7fffffffffffffffn, -0x8000000000000000n] : [0x7fffffff, -0x80000000];
}
