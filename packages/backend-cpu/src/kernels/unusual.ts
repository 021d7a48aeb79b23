/**
 * Loops without patches only note whether any element needed one. A patch comes with a *sign*: a node that is negative
 * or true in such lanes. This module gathers the signs of many vectors, to be tested once after the loop.
 */
import { type Expr, type Func, type Local, op, splat } from "../wasm/emitter.ts";
import { isZero } from "./constants.ts";
import type { Node } from "./expression.ts";
import { maskOf, type VectorLanes } from "./lanes.ts";
import { REGISTERS, registersOf } from "./registers.ts";
import type { Way } from "./ways.ts";

/** How one sign is gathered. */
interface Note {
  /** The value that is gathered of each vector: the sign, or something that it follows from. */
  readonly tree: Node;
  /** Makes a place to gather in. */
  readonly begin: (f: Func) => Sum;
}

/** The signs of some vectors, gathered. */
interface Sum {
  add(value: Local<"v128">): void;
  /** Not 0 if any lane was negative or true. */
  mask(): Expr<"i32">;
}

/**
 * How the signs of a loop are gathered: in vectors, or, if these would not fit into the registers, as bits in an
 * integer. A vector that is spilled to memory makes each round wait for what the one before has written.
 */
export function notesOf(way: Way): Note[] {
  const note = registersOfWay(way) >= REGISTERS ? asBits : asVector;
  return way.signs.map((sign) => note(sign, way.lanes));
}

/** The vector registers that a loop takes if its signs are gathered in vectors. */
export function registersOfWay({ signs, roots }: Way): number {
  return registersOf([...signs.map((sign) => gatheredOf(sign).of), ...roots]);
}

function asBits(sign: Node, lanes: VectorLanes): Note {
  const begin = (f: Func): Sum => {
    const sum = f.local("i32");
    return { add: (value) => f.set(sum, op("i32.or", sum, maskOf(sign.type, lanes, value))), mask: () => sum };
  };
  return { tree: sign, begin };
}

function asVector(sign: Node, lanes: VectorLanes): Note {
  const { of, by, from } = gatheredOf(sign);
  const begin = (f: Func): Sum => {
    const sum = f.let(splat("i32x4", from));
    const mask = (): Expr<"i32"> => {
      if (of === sign) return maskOf(sign.type, lanes, sum);
      return op("v128.any_true", by === "v128.or" ? sum : op("i32x4.gt_s", sum, splat("i32x4", from)));
    };
    return { add: (value) => f.set(sum, op(by, sum, value)), mask };
  };
  return { tree: of, begin };
}

/** A node `of` which values are gathered `by` an operation, starting `from` a number. */
interface Gathered {
  readonly of: Node;
  readonly by: "v128.or" | "i32x4.max_s";
  readonly from: number;
}

/**
 * How a sign is gathered with the fewest instructions. If it is a comparison `x > limit`, it is enough to gather the
 * largest x; if it is `x ≠ 0`, the bits of all x. Any other sign is gathered itself.
 */
function gatheredOf(sign: Node): Gathered {
  const [x, y] = sign.args;
  const compared = x?.type === "i32" && y?.op === "const";
  if (compared && sign.op === "gt") return { of: x, by: "i32x4.max_s", from: y.detail as number };
  return { of: compared && sign.op === "ne" && isZero(y) ? x : sign, by: "v128.or", from: 0 };
}
