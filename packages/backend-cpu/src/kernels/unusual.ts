/** How it is noted, over many vectors, that some of their elements need a patch. */
import { type Expr, type Func, type Local, op, splat } from "../wasm/emitter.ts";
import { isZero } from "./constants.ts";
import type { Node } from "./expression.ts";
import { maskOf, type VectorLanes } from "./lanes.ts";
import { REGISTERS, registersOf } from "./registers.ts";
import type { Way } from "./ways.ts";

/** What is noted of a sign. */
interface Note {
  /** What is computed of each vector. */
  readonly tree: Node;
  readonly begin: (f: Func) => Sum;
}

/** What some vectors have said. */
interface Sum {
  add(value: Local<"v128">): void;
  /** Not 0 where a lane was negative or true. */
  mask(): Expr<"i32">;
}

/** A register that is spilled makes each round wait for the memory that the one before wrote; bits take no vector. */
export function notesOf(way: Way): Note[] {
  const note = registersOfWay(way) >= REGISTERS ? asBits : asVector;
  return way.signs.map((sign) => note(sign, way.lanes));
}

/** Those that its loop takes if notes are vectors. */
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

/** What is kept of a sign over many vectors: `of` it, gathered `by` an operation. */
interface Gathered {
  readonly of: Node;
  readonly by: "v128.or" | "i32x4.max_s";
  /** What to begin with. */
  readonly from: number;
}

/** Of whole numbers that should be 0, the bits of all; of those that should not exceed a number, the largest. */
function gatheredOf(sign: Node): Gathered {
  const [x, y] = sign.args;
  const compared = x?.type === "i32" && y?.op === "const";
  if (compared && sign.op === "gt") return { of: x, by: "i32x4.max_s", from: y.detail as number };
  return { of: compared && sign.op === "ne" && isZero(y) ? x : sign, by: "v128.or", from: 0 };
}
