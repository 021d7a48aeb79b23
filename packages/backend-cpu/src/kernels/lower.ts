/**
 * Turns expression trees into WebAssembly: for whole vectors where every node has a vector instruction, else for single
 * elements. Which is which follows from the tree alone, so an element's result never depends on where it stands.
 */
import {
  call,
  type Expr,
  extract,
  type Func,
  f32,
  f64,
  i32,
  i64,
  type Local,
  load,
  type OpName,
  op,
  replace,
  select,
  splat,
  v128,
} from "../wasm/emitter.ts";
import { instructionNames } from "../wasm/values.ts";
import { joins, scalarConversions, upperConversions, vectorConversions, words } from "./conversions.ts";
import { type HostFunction, isFloatType, type Node, type NodeType, type NumberType, widthOf } from "./expression.ts";
import type { Tools } from "./helpers.ts";
import { Columns, columnScalar, lookUp, lookUpScalar } from "./lookups.ts";
import { Narrow, type NarrowLanes } from "./narrow.ts";

/** `scalar`: one element at a time; 2 or 4: so many in a vector. */
export type Lanes = "scalar" | 2 | 4;
/** Elements in a vector. */
export type VectorLanes = 2 | 4 | NarrowLanes;

const known: ReadonlySet<string> = new Set(instructionNames);
const shapes = { f32: "f32x4", f64: "f64x2", i32: "i32x4", i64: "i64x2" } as const;
const narrowShapes = { 8: "i16x8", 16: "i8x16" } as const;
const signed = new Set(["div", "rem", "shr", "lt", "le", "gt", "ge", "min", "max"]);
const bitwise = new Set(["and", "or", "xor", "not"]);
const free = new Set("input const number select fma patch bits float cut dot lookup column".split(" "));

function isNarrow(lanes: Lanes | VectorLanes): lanes is NarrowLanes {
  return lanes === 8 || lanes === 16;
}

/** How many elements of a tree are computed at once. */
export function lanesOf(...roots: readonly Node[]): Lanes {
  const nodes = collect(roots);
  if (![...nodes].every(hasVectorForm)) return "scalar";
  return [...nodes].some((node) => widthOf(node.type) === 64) ? 2 : 4;
}

/** All nodes of some trees, without those of fallbacks. */
export function collect(roots: readonly Node[], found: Set<Node> = new Set()): Set<Node> {
  for (const root of roots) {
    if (found.has(root)) continue;
    found.add(root);
    collect(root.args, found);
  }
  return found;
}

const isHeld = ({ op }: Node): boolean => op === "const" || op === "number";
const nameOf = ({ op, type, detail }: Node): string => `${op} ${type} ${Object.is(detail, -0) ? "-0" : detail}`;

/** How many different constants some trees hold in vectors: distances of shifts are none. */
export function constantsOf(roots: readonly Node[]): number {
  const held = [...collect(roots)].flatMap(({ op, args }) => (op.startsWith("sh") ? args.slice(0, 1) : args));
  return new Set([...roots, ...held].filter(isHeld).map(nameOf)).size;
}

export interface Unpatched {
  readonly value: Node;
  /** Negative or true where a patch is needed. */
  readonly signs: readonly Node[];
}

/** A tree that takes the fast way everywhere, and where it must not. */
export function withoutPatches(root: Node): Unpatched {
  const done = new Map<Node, Node>();
  const signs: Node[] = [];
  const rebuilt = (node: Node): Node => {
    const args = node.args.map(visit);
    if (node.op !== "patch") return args.every((arg, i) => arg === node.args[i]) ? node : { ...node, args };
    signs.push(args[0]!);
    return args[1]!;
  };
  const visit = (node: Node): Node => {
    const result = done.get(node) ?? rebuilt(node);
    done.set(node, result);
    return result;
  };
  return { value: visit(root), signs };
}

/** What is kept of a sign over many vectors: `of` it, gathered `by` an operation. */
export interface Gathered {
  readonly of: Node;
  readonly by: "v128.or" | "i32x4.max_s";
  /** What to begin with. */
  readonly from: number;
}

/** Of whole numbers that should be 0, the bits of all; of those that should not exceed a number, the largest. */
export function gatheredOf(sign: Node): Gathered {
  const [x, y] = sign.args;
  const compared = x?.type === "i32" && y?.op === "const";
  if (compared && sign.op === "gt") return { of: x, by: "i32x4.max_s", from: y.detail as number };
  return { of: compared && sign.op === "ne" && isZero(y) ? x : sign, by: "v128.or", from: 0 };
}

/** Whether there was a lane that is negative or true, from what was gathered: not 0 where there was. */
export function signsOf(sign: Node, lanes: Lanes | VectorLanes, value: Expr<"v128">): Expr<"i32"> {
  const { of, by, from } = gatheredOf(sign);
  if (of === sign) return maskOf(sign.type, lanes, value);
  return op("v128.any_true", by === "v128.or" ? value : op("i32x4.gt_s", value, splat("i32x4", from)));
}

/** A bit for each lane that is negative or true. */
export function maskOf(type: NodeType, lanes: Lanes | VectorLanes, signs: Expr<"v128">): Expr<"i32"> {
  if (widthOf(type) === 64) return op("i64x2.bitmask", signs);
  const all = op("i32x4.bitmask", signs);
  return lanes === 2 ? op("i32.and", all, 3) : all;
}

function hasVectorForm(node: Node): boolean {
  if (free.has(node.op)) return true;
  if (node.op === "convert") return vectorConversions[`${node.args[0]!.type}>${node.type}`] !== undefined;
  if (node.op.startsWith("sh") && node.args[1]!.op !== "const") return false;
  return known.has(vectorName(node));
}

function suffix({ op, args }: Node, unsigned = false): string {
  if (args[0]!.type.startsWith("f")) return op;
  if (op === "shrUnsigned") return "shr_u";
  return signed.has(op) ? `${op}_${unsigned ? "u" : "s"}` : op;
}

function vectorName(node: Node): string {
  if (bitwise.has(node.op)) return `v128.${node.op}`;
  return `${shapes[node.args[0]!.type as NumberType]}.${suffix(node)}`;
}

const scalarCasts: Readonly<Record<string, OpName>> = {
  "f32>i32": "i32.reinterpret_f32",
  "f64>i64": "i64.reinterpret_f64",
  "i32>f32": "f32.reinterpret_i32",
  "i64>f64": "f64.reinterpret_i64",
};

/** An instruction by a name that was put together. */
function instruction(name: string, ...operands: readonly Expr[]): Expr {
  return (op as (name: string, ...operands: readonly Expr[]) => Expr)(name, ...operands);
}

/** The code of some trees inside one function. Make it before the loop: it puts the constants into locals there. */
export class Lowering {
  readonly #f: Func;
  readonly #lanes: Lanes | VectorLanes;
  readonly #narrow: Narrow | undefined;
  readonly #tools: Tools;
  readonly #constants = new Map<Node, Local>();
  readonly #uses = new Map<Node, number>();
  #columns: Columns | undefined;

  constructor(f: Func, roots: readonly Node[], lanes: Lanes | VectorLanes, tools: Tools) {
    this.#f = f;
    this.#lanes = lanes;
    this.#narrow = isNarrow(lanes) ? new Narrow(lanes) : undefined;
    this.#tools = tools;
    for (const root of roots) this.#count(root);
    if (lanes !== "scalar") this.#hoistConstants();
  }

  /** Computes the trees for these inputs. */
  emit(roots: readonly Node[], inputs: readonly Expr[]): Expr[] {
    this.#columns = new Columns(this.#f, this.#tools);
    const done = new Map<Node, Expr>();
    return roots.map((root) => this.#visit(root, inputs, done));
  }

  #count(node: Node): void {
    const uses = this.#uses.get(node) ?? 0;
    this.#uses.set(node, uses + 1);
    if (uses === 0) for (const arg of node.args) this.#count(arg);
  }

  #hoistConstants(): void {
    const locals = new Map<string, Local>();
    for (const node of this.#uses.keys()) {
      if (!isHeld(node)) continue;
      const key = nameOf(node);
      const local = locals.get(key) ?? this.#f.let(vectorConstant(node, this.#lanes));
      locals.set(key, local);
      this.#constants.set(node, local);
    }
  }

  #visit(node: Node, inputs: readonly Expr[], done: Map<Node, Expr>): Expr {
    if (node.op === "input") return inputs[node.detail as number]!;
    if (isHeld(node)) return this.#constants.get(node) ?? scalarConstant(node);
    const found = done.get(node);
    if (found) return found;
    const args = node.args.map((arg) => this.#visit(arg, inputs, done));
    const value = this.#lanes === "scalar" ? this.#scalar(node, args) : this.#vector(node, args as Expr<"v128">[]);
    if (this.#uses.get(node) === 1) return value;
    const local = this.#f.let(value);
    done.set(node, local);
    return local;
  }

  #vector(node: Node, args: readonly Expr<"v128">[]): Expr {
    const [a, b, c] = args as [Expr<"v128">, Expr<"v128">, Expr<"v128">];
    const name = this.#nameOf(node);
    switch (node.op) {
      case "select":
        return this.#blend(node, a, b, c);
      case "fma":
        return this.#f.madd(node.type === "f64" ? "f64x2" : "f32x4", a, b, c);
      case "cut":
        return this.#f.cut(a);
      case "dot":
        return op("i32x4.dot_i16x8_s", a, b);
      case "bits":
      case "float":
        return a;
      case "convert":
        return vectorConversions[`${node.args[0]!.type}>${node.type}`]!(a);
      case "upper":
        return upperConversions[`${node.args[0]!.type}>${node.type}`]!(a);
      case "join":
        return joins[`${node.args[0]!.type}>${node.type}`]!(a, b);
      case "joinHigh":
        return words(a, b, 1);
      case "shl":
      case "shr":
      case "shrUnsigned":
        return this.#shift(name, a, Number(node.args[1]!.detail));
      case "lookup":
        return lookUp(node, a);
      case "column":
        return this.#columns!.of(node, a);
      case "patch":
        return this.#patchLanes(node, args);
      default:
        return instruction(name, ...args);
    }
  }

  #nameOf(node: Node): string {
    if (!this.#narrow || bitwise.has(node.op)) return vectorName(node);
    return `${narrowShapes[this.#lanes as NarrowLanes]}.${suffix(node, this.#narrow.isUnsigned(node))}`;
  }

  #shift(name: string, x: Expr<"v128">, by: number): Expr {
    const distance = this.#narrow?.distance(by) ?? by;
    return distance === 0 ? x : instruction(name, x, i32(distance));
  }

  /** Where no bits or all are chosen, masks need no blending. */
  #blend({ type, args: [, yes, no] }: Node, mask: Expr<"v128">, a: Expr<"v128">, b: Expr<"v128">): Expr<"v128"> {
    if (isZero(no!)) return op("v128.and", a, mask);
    if (yes!.op === "const" && !isFloatType(yes!.type) && Number(yes!.detail) === -1) return op("v128.or", b, mask);
    return isZero(yes!) ? op("v128.andnot", b, mask) : this.#f.choose(a, b, mask, widthOf(type));
  }

  #scalar(node: Node, args: readonly Expr[]): Expr {
    const [a, b, c] = args as [Expr, Expr, Expr];
    const from = node.args[0]?.type;
    switch (node.op) {
      case "select":
        return select(a as Expr<"i32">, b, c);
      case "fma":
        return instruction(`${node.type}.add`, instruction(`${node.type}.mul`, a, b), c);
      case "cut":
        return op("i32.trunc_sat_f32_s", a as Expr<"f32">);
      case "dot":
        return this.#dot(this.#f.let(a as Expr<"i32">), b as Expr<"i32">);
      case "bits":
      case "float":
        return instruction(scalarCasts[`${from}>${node.type}`]!, a);
      case "convert":
        return from === "m32" || from === "m64" ? a : instruction(scalarConversions[`${from}>${node.type}`]!, a);
      case "not":
        return from === "m32" || from === "m64"
          ? op("i32.eqz", a as Expr<"i32">)
          : instruction(`${from}.xor`, a, scalarConstant({ ...node, op: "const", detail: -1 }));
      case "min":
      case "max":
      case "pmin":
      case "pmax":
        return this.#pick(node, a, b);
      case "host":
        return call(this.#tools.host(node.detail as HostFunction), ...(args as Expr<"f64">[]));
      case "helper":
        return call(this.#tools.helper(node), ...(args as never[]));
      case "lookup":
        return lookUpScalar(node, a as Expr<"i64">);
      case "column":
        return columnScalar(node, a as Expr<"i32">);
      case "patch":
        return this.#patchScalar(node, args);
      default:
        return instruction(`${scalarType(from!)}.${suffix(node)}`, ...args);
    }
  }

  #dot(a: Local<"i32">, b: Expr<"i32">): Expr<"i32"> {
    const other = this.#f.let(b);
    const low = op("i32.mul", op("i32.extend16_s", a), op("i32.extend16_s", other));
    return op("i32.add", low, op("i32.mul", op("i32.shr_s", a, 16), op("i32.shr_s", other, 16)));
  }

  #pick(node: Node, a: Expr, b: Expr): Expr {
    const [x, y] = [this.#f.let(a), this.#f.let(b)];
    const less = `${node.type}.${node.type === "i32" ? "lt_s" : "lt"}`;
    const condition = node.op.endsWith("max") ? instruction(less, x, y) : instruction(less, y, x);
    return select(condition as Expr<"i32">, y, x);
  }

  #patchScalar(node: Node, [signs, fast, ...xs]: readonly Expr[]): Expr {
    const f = this.#f;
    const { type } = node.args[0]!;
    const inputs = xs.map((x) => f.let(x));
    const result = f.let(fast!);
    const wrong =
      type === "i32" || type === "i64"
        ? instruction(`${type}.lt_s`, signs!, scalarConstant({ ...node.args[0]!, detail: 0 }))
        : signs;
    f.if(wrong as Expr<"i32">, () => f.set(result, this.#fallback(node, inputs, "scalar")));
    return result;
  }

  #patchLanes(node: Node, [signs, fast, ...xs]: readonly Expr<"v128">[]): Expr {
    const f = this.#f;
    const shape = widthOf(node.args[0]!.type) === 64 ? "i64x2" : "i32x4";
    const inputs = xs.map((x) => f.let(x));
    const result = f.let(fast!);
    const holes = f.let(maskOf(node.args[0]!.type, this.#lanes, signs!));
    f.if(holes, () => {
      if (lanesOf(node.fallback!) === this.#lanes) {
        const slow = this.#fallback(node, inputs, this.#lanes) as Expr<"v128">;
        const mask = op(`${shape}.shr_s`, signs!, i32(63));
        const isWider = widthOf(node.type) > widthOf(node.args[0]!.type);
        f.set(result, op("v128.bitselect", slow, result, isWider ? vectorConversions["m32>m64"]!(mask) : mask));
      } else this.#patchEach(node, holes, result, inputs);
    });
    return result;
  }

  #patchEach(node: Node, holes: Expr<"i32">, result: Local<"v128">, inputs: readonly Expr<"v128">[]): void {
    const f = this.#f;
    for (let lane = 0; lane < (this.#lanes as number); lane++) {
      f.if(op("i32.and", holes, 1 << lane), () => {
        const scalars = inputs.map((x, i) => f.let(extractLane(node.args[2 + i]!.type, x, lane)));
        f.set(result, replaceLane(node.type, result, lane, this.#fallback(node, scalars, "scalar")));
      });
    }
  }

  /** A lowering of its own: its constants stay out of the fast way. */
  #fallback({ fallback }: Node, inputs: readonly Expr[], lanes: Lanes | VectorLanes): Expr {
    return new Lowering(this.#f, [fallback!], lanes, this.#tools).emit([fallback!], inputs)[0]!;
  }
}

function scalarType(type: NodeType): NumberType {
  return type === "m32" || type === "m64" ? "i32" : type;
}

function isZero({ op, detail }: Node): boolean {
  return op === "const" && (typeof detail === "bigint" ? detail === 0n : Object.is(detail, 0));
}

function scalarConstant({ op, type, detail }: Node): Expr {
  if (op === "number") return load(`${type as "f32" | "f64"}.load`, i32(detail as number));
  if (type === "f32") return f32(detail as number);
  if (type === "f64") return f64(detail as number);
  return type === "i64" ? i64(detail as number | bigint) : i32(Number(detail));
}

function vectorConstant({ op, type, detail }: Node, lanes: Lanes | VectorLanes): Expr<"v128"> {
  if (op === "number") return load(`v128.load${widthOf(type)}_splat`, i32(detail as number));
  if (type === "m32" || type === "m64") return splat("i32x4", detail ? -1 : 0);
  if (type === "i64") return v128(new BigInt64Array(2).fill(BigInt(detail as number | bigint)));
  return splat(isNarrow(lanes) ? narrowShapes[lanes] : shapes[type], Number(detail));
}

export function extractLane(type: NodeType, vector: Expr<"v128">, lane: number): Expr {
  if (type === "f64") return extract("f64x2.extract_lane", vector, lane);
  if (type === "f32") return extract("f32x4.extract_lane", vector, lane);
  return extract(widthOf(type) === 64 ? "i64x2.extract_lane" : "i32x4.extract_lane", vector, lane);
}

function replaceLane(type: NodeType, vector: Expr<"v128">, lane: number, value: Expr): Expr<"v128"> {
  if (type === "f64") return replace("f64x2.replace_lane", vector, lane, value as Expr<"f64">);
  if (type === "f32") return replace("f32x4.replace_lane", vector, lane, value as Expr<"f32">);
  if (type === "i64") return replace("i64x2.replace_lane", vector, lane, value as Expr<"i64">);
  return replace("i32x4.replace_lane", vector, lane, value as Expr<"i32">);
}
