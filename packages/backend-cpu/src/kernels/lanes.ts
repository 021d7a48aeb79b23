/**
 * How many elements of a tree are computed at once, and what the instructions for its nodes are called. Lanes follow from
 * the tree alone, so an element's result never depends on where it stands.
 */
import { type Expr, extract, op, replace, v128 } from "../wasm/emitter.ts";
import { instructionNames } from "../wasm/values.ts";
import { conversionOf, vectorConversions } from "./conversions.ts";
import { type Node, type NodeType, type NumberType, widthOf } from "./expression.ts";
import type { NarrowLanes } from "./narrow.ts";

/** `scalar`: one element at a time; 2 or 4: so many in a vector. */
export type Lanes = "scalar" | 2 | 4;
/** Elements in a vector. */
export type VectorLanes = 2 | 4 | NarrowLanes;

const known: ReadonlySet<string> = new Set(instructionNames);
export const shapes = { f32: "f32x4", f64: "f64x2", i32: "i32x4", i64: "i64x2" } as const;
export const narrowShapes = { 8: "i16x8", 16: "i8x16" } as const;
const signed = new Set(["div", "rem", "shr", "lt", "le", "gt", "ge", "min", "max"]);
export const bitwise = new Set(["and", "or", "xor", "not"]);
const free = new Set("input const number select fma patch bits float cut dot lookup column".split(" "));

export function isNarrow(lanes: Lanes | VectorLanes): lanes is NarrowLanes {
  return lanes === 8 || lanes === 16;
}

/** How many elements of a tree are computed at once. */
export function lanesOf(...roots: readonly Node[]): Lanes {
  const nodes = collect(roots);
  if (![...nodes].every(hasVectorForm)) return "scalar";
  return [...nodes].some((node) => widthOf(node.type) === 64) ? 2 : 4;
}

/** All nodes of some trees, except those of fallbacks. */
export function collect(roots: readonly Node[], found: Set<Node> = new Set()): Set<Node> {
  for (const root of roots) {
    if (found.has(root)) continue;
    found.add(root);
    collect(root.args, found);
  }
  return found;
}

function hasVectorForm(node: Node): boolean {
  if (free.has(node.op)) return true;
  if (node.op === "convert") return vectorConversions[conversionOf(node)] !== undefined;
  if (node.op.startsWith("sh") && node.args[1]!.op !== "const") return false;
  return known.has(vectorName(node));
}

/** The name of a node's instruction without the shape in front, such as `lt_s` of `i32x4.lt_s`. */
export function suffix({ op, args }: Node, unsigned = false): string {
  if (args[0]!.type.startsWith("f")) return op;
  if (op === "shrUnsigned") return "shr_u";
  return signed.has(op) ? `${op}_${unsigned ? "u" : "s"}` : op;
}

export function vectorName(node: Node): string {
  if (bitwise.has(node.op)) return `v128.${node.op}`;
  return `${shapes[node.args[0]!.type as NumberType]}.${suffix(node)}`;
}

/** An instruction whose name is computed, and so not known to the compiler. */
export function instruction(name: string, ...operands: readonly Expr[]): Expr {
  return (op as (name: string, ...operands: readonly Expr[]) => Expr)(name, ...operands);
}

/** A bit for each lane that is negative or true. */
export function maskOf(type: NodeType, lanes: Lanes | VectorLanes, signs: Expr<"v128">): Expr<"i32"> {
  if (widthOf(type) === 64) return op("i64x2.bitmask", signs);
  const all = op("i32x4.bitmask", signs);
  return lanes === 2 ? op("i32.and", all, 3) : all;
}

export function extractLane(type: NodeType, vector: Expr<"v128">, lane: number): Expr {
  if (type === "f64") return extract("f64x2.extract_lane", vector, lane);
  if (type === "f32") return extract("f32x4.extract_lane", vector, lane);
  return extract(widthOf(type) === 64 ? "i64x2.extract_lane" : "i32x4.extract_lane", vector, lane);
}

export function replaceLane(type: NodeType, vector: Expr<"v128">, lane: number, value: Expr): Expr<"v128"> {
  if (type === "f64") return replace("f64x2.replace_lane", vector, lane, value as Expr<"f64">);
  if (type === "f32") return replace("f32x4.replace_lane", vector, lane, value as Expr<"f32">);
  if (type === "i64") return replace("i64x2.replace_lane", vector, lane, value as Expr<"i64">);
  return replace("i32x4.replace_lane", vector, lane, value as Expr<"i32">);
}

/** A mask of the first `count` lanes. */
export function firstLanes(count: Expr<"i32">, lanes: 2 | 4): Expr<"v128"> {
  const numbers = lanes === 4 ? [0, 1, 2, 3] : [0, 0, 1, 1];
  return op("i32x4.lt_s", v128(new Int32Array(numbers)), op("i32x4.splat", count));
}
