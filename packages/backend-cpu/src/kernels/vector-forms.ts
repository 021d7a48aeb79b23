/** ★ How a node is computed of all elements of a vector. */
import { type Expr, i32, op } from "../wasm/emitter.ts";
import { isZero } from "./constants.ts";
import { conversionOf, joins, upperConversions, vectorConversions, words } from "./conversions.ts";
import { isFloatType, type Node, widthOf } from "./expression.ts";
import { bitwise, instruction, narrowShapes, suffix, vectorName } from "./lanes.ts";
import { lookUp } from "./lookups.ts";
import type { Scope } from "./lower.ts";
import type { NarrowLanes } from "./narrow.ts";

type Vector = Expr<"v128">;

type Form = (args: readonly [Vector, Vector, Vector], node: Node, scope: Scope) => Expr;

const shift: Form = ([x], node, scope) => {
  const by = Number(node.args[1]!.detail);
  const distance = scope.narrow?.distance(by) ?? by;
  return distance === 0 ? x : instruction(nameOf(node, scope), x, i32(distance));
};

/** Where no bits or all are chosen, masks need no blending. */
const blend: Form = ([mask, a, b], { type, args: [, yes, no] }, { f, narrow }) => {
  if (isZero(no!)) return op("v128.and", a, mask);
  if (yes!.op === "const" && !isFloatType(yes!.type) && Number(yes!.detail) === -1) return op("v128.or", b, mask);
  return isZero(yes!) ? op("v128.andnot", b, mask) : f.choose(a, b, mask, narrow ? 8 : widthOf(type));
};

/** All others are one instruction of their name. */
const forms: { readonly [O in Node["op"]]?: Form } = {
  select: blend,
  fma: ([a, b, c], { type }, { f }) => f.madd(type === "f64" ? "f64x2" : "f32x4", a, b, c),
  cut: ([x], _, { f }) => f.cut(x),
  dot: ([a, b]) => op("i32x4.dot_i16x8_s", a, b),
  bits: ([x]) => x,
  float: ([x]) => x,
  convert: ([x], node) => vectorConversions[conversionOf(node)]!(x),
  upper: ([x], node) => upperConversions[conversionOf(node)]!(x),
  join: ([a, b], node) => joins[conversionOf(node)]!(a, b),
  joinHigh: ([a, b]) => words(a, b, 1),
  shl: shift,
  shr: shift,
  shrUnsigned: shift,
  lookup: ([index], node) => lookUp(node, index),
  column: ([at], node, { columns }) => columns.of(node, at),
};

export function vectorForm(node: Node, args: readonly Vector[], scope: Scope): Expr {
  const form = forms[node.op];
  if (form) return form(args as [Vector, Vector, Vector], node, scope);
  return instruction(nameOf(node, scope), ...args);
}

function nameOf(node: Node, { lanes, narrow }: Scope): string {
  if (!narrow || bitwise.has(node.op)) return vectorName(node);
  return `${narrowShapes[lanes as NarrowLanes]}.${suffix(node, narrow.isUnsigned(node))}`;
}
