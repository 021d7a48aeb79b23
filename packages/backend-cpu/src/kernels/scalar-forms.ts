/** ★ How a node is computed of one element. */
import { call, type Expr, type Local, type OpName, op, select } from "../wasm/emitter.ts";
import { scalarConstant } from "./constants.ts";
import { conversionOf, scalarConversions } from "./conversions.ts";
import type { HostFunction, Node, NodeType, NumberType } from "./expression.ts";
import { instruction, suffix } from "./lanes.ts";
import { columnScalar, lookUpScalar } from "./lookups.ts";
import type { Scope } from "./lower.ts";

type Form = (args: readonly [Expr, Expr, Expr], node: Node, scope: Scope) => Expr;

const isMask = ({ args: [x] }: Node): boolean => x!.type === "m32" || x!.type === "m64";

const cast: Form = ([x], node) => instruction(casts[conversionOf(node)]!, x);
const casts: Readonly<Record<string, OpName>> = {
  "f32>i32": "i32.reinterpret_f32",
  "f64>i64": "i64.reinterpret_f64",
  "i32>f32": "f32.reinterpret_i32",
  "i64>f64": "f64.reinterpret_i64",
};

const pick: Form = ([a, b], { op: name, type }, { f }) => {
  const [x, y] = [f.let(a), f.let(b)];
  const less = `${type}.${type === "i32" ? "lt_s" : "lt"}`;
  const condition = name.endsWith("max") ? instruction(less, x, y) : instruction(less, y, x);
  return select(condition as Expr<"i32">, y, x);
};

/** All others are one instruction of their name. */
const forms: { readonly [O in Node["op"]]?: Form } = {
  select: ([condition, a, b]) => select(condition as Expr<"i32">, a, b),
  fma: ([a, b, c], { type }) => instruction(`${type}.add`, instruction(`${type}.mul`, a, b), c),
  cut: ([x]) => op("i32.trunc_sat_f32_s", x as Expr<"f32">),
  dot: ([a, b], _, { f }) => dot(f.let(a as Expr<"i32">), f.let(b as Expr<"i32">)),
  bits: cast,
  float: cast,
  convert: ([x], node) => (isMask(node) ? x : instruction(scalarConversions[conversionOf(node)]!, x)),
  not: ([x], node) => (isMask(node) ? op("i32.eqz", x as Expr<"i32">) : flipped(x, node)),
  min: pick,
  max: pick,
  pmin: pick,
  pmax: pick,
  host: (args, { detail }, { tools }) => call(tools.host(detail as HostFunction), ...(args as readonly Expr<"f64">[])),
  helper: (args, node, { tools }) => call(tools.helper(node), ...(args as unknown as never[])),
  lookup: ([index], node) => lookUpScalar(node, index as Expr<"i64">),
  column: ([place], node) => columnScalar(node, place as Expr<"i32">),
};

export function scalarForm(node: Node, args: readonly Expr[], scope: Scope): Expr {
  const form = forms[node.op];
  if (form) return form(args as [Expr, Expr, Expr], node, scope);
  return instruction(`${scalarType(node.args[0]!.type)}.${suffix(node)}`, ...args);
}

function scalarType(type: NodeType): NumberType {
  return type === "m32" || type === "m64" ? "i32" : type;
}

function flipped(x: Expr, node: Node): Expr {
  return instruction(`${x.type}.xor`, x, scalarConstant({ ...node, op: "const", detail: -1 }));
}

function dot(a: Local<"i32">, b: Local<"i32">): Expr<"i32"> {
  const low = op("i32.mul", op("i32.extend16_s", a), op("i32.extend16_s", b));
  return op("i32.add", low, op("i32.mul", op("i32.shr_s", a, 16), op("i32.shr_s", b, 16)));
}
