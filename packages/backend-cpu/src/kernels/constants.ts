/** Numbers that trees hold: in instructions, or in vectors of their own. */
import { type Expr, f32, f64, i32, i64, load, splat, v128 } from "../wasm/emitter.ts";
import { type Node, widthOf } from "./expression.ts";
import { collect, isNarrow, type Lanes, narrowShapes, shapes, type VectorLanes } from "./lanes.ts";

export const isHeld = ({ op }: Node): boolean => op === "const" || op === "number";
export const nameOf = ({ op, type, detail }: Node): string => `${op} ${type} ${Object.is(detail, -0) ? "-0" : detail}`;

/** How many different constants some trees hold in vectors: distances of shifts are none. */
export function constantsOf(roots: readonly Node[]): number {
  const held = [...collect(roots)].flatMap(({ op, args }) => (op.startsWith("sh") ? args.slice(0, 1) : args));
  return new Set([...roots, ...held].filter(isHeld).map(nameOf)).size;
}

export function isZero({ op, detail }: Node): boolean {
  return op === "const" && (typeof detail === "bigint" ? detail === 0n : Object.is(detail, 0));
}

export function scalarConstant({ op, type, detail }: Node): Expr {
  if (op === "number") return load(`${type as "f32" | "f64"}.load`, i32(detail as number));
  if (type === "f32") return f32(detail as number);
  if (type === "f64") return f64(detail as number);
  return type === "i64" ? i64(detail as number | bigint) : i32(Number(detail));
}

export function vectorConstant({ op, type, detail }: Node, lanes: Lanes | VectorLanes): Expr<"v128"> {
  if (op === "number") return load(`v128.load${widthOf(type)}_splat`, i32(detail as number));
  if (type === "m32" || type === "m64") return splat("i32x4", detail ? -1 : 0);
  if (type === "i64") return v128(new BigInt64Array(2).fill(BigInt(detail as number | bigint)));
  return splat(isNarrow(lanes) ? narrowShapes[lanes] : shapes[type], Number(detail));
}
