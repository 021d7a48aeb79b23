/**
 * Values: small typed trees that push code when they are used. A tree that is used twice is computed twice: keep what is
 * shared in a local with `f.let(value)`.
 *
 * ```ts
 * f.store("f32.store", out, op("f32.add", load("f32.load", a), op("f32.mul", x, 2)));
 * ```
 */
import {
  comparisons,
  EXTEND,
  isAddress,
  linear,
  pushAddress,
  pushAs,
  pushCondition,
  pushWide,
  WRAP,
} from "./addresses.ts";
import {
  bytesOf,
  type Code,
  pushAll,
  pushCode,
  pushSigned,
  pushSigned64,
  pushUnsigned,
  typeCode,
  type ValType,
} from "./encoding.ts";
import { extractOps, laneLoadOps, loadOps, replaceOps } from "./opcodes-memory.ts";
import { scalarOps } from "./opcodes-scalar.ts";
import { relaxedOps, simdOps } from "./opcodes-simd.ts";

/** Something that leaves one value of type `T` on the stack. */
export interface Expr<T extends ValType = ValType> {
  readonly type: T;
  emit(code: Code): void;
  /** The same number in 64 bits, if it is an i32 that may have them, and whether it is made of an address. */
  emitWide?(code: Code): void;
  isAddress?(): boolean;
}

/** A local variable or a parameter. */
export interface Local<T extends ValType = ValType> extends Expr<T> {
  readonly index: number;
}

/** What an operand may be: numbers become constants of the type that the instruction wants. */
export type Operand<T extends ValType = ValType> = Expr<T> | (T extends "i64" ? number | bigint : number);

type Letters = { i: "i32"; l: "i64"; f: "f32"; d: "f64"; v: "v128" };
type Table = typeof scalarOps & typeof simdOps & typeof relaxedOps;
type Signature = keyof Table;
type NamesOf<S extends Signature> =
  | (S extends keyof typeof scalarOps ? keyof (typeof scalarOps)[S] : never)
  | (S extends keyof typeof simdOps ? keyof (typeof simdOps)[S] : never)
  | (S extends keyof typeof relaxedOps ? keyof (typeof relaxedOps)[S] : never);
type SignatureOf = { [S in Signature]: { [N in NamesOf<S>]: S } }[Signature] extends infer U
  ? { [K in U extends unknown ? keyof U : never]: U extends Record<K, infer S> ? S : never }
  : never;
type Parameters<P> = P extends `${infer H extends keyof Letters}${infer R}`
  ? [Operand<Letters[H]>, ...Parameters<R>]
  : [];

/** The name of every instruction that only maps operands to a result. */
export type OpName = keyof SignatureOf;
export type Operands<N extends OpName> = SignatureOf[N] extends `${infer P}>${string}` ? Parameters<P> : never;
export type Result<N extends OpName> = SignatureOf[N] extends `${string}>${infer R extends keyof Letters}`
  ? Letters[R]
  : never;

interface Instruction {
  readonly code: number;
  readonly operands: readonly ValType[];
  readonly result: ValType;
}

const letterType: { readonly [letter: string]: ValType } = { i: "i32", l: "i64", f: "f32", d: "f64", v: "v128" };

function index(tables: readonly (readonly [number, object])[]): Map<string, Instruction> {
  const instructions = new Map<string, Instruction>();
  for (const [prefix, table] of tables) {
    for (const [signature, rows] of Object.entries(table) as [string, Record<string, number>][]) {
      const [from = "", to = ""] = signature.split(">");
      const operands = Array.from(from, (letter) => letterType[letter]!);
      for (const [name, code] of Object.entries(rows)) {
        instructions.set(name, { code: prefix + code, operands, result: letterType[to]! });
      }
    }
  }
  return instructions;
}

const instructions = index([
  [0, scalarOps],
  [0xfd0000, simdOps],
  [0xfd0000, relaxedOps],
]);

/** What an instruction takes and gives; for tools and tests that walk all of them. */
export const instructionNames: readonly OpName[] = [...instructions.keys()] as OpName[];
export function signatureOf(name: OpName): { readonly operands: readonly ValType[]; readonly result: ValType } {
  return instructions.get(name)!;
}

function expr<T extends ValType>(type: T, emit: (code: Code) => void): Expr<T> {
  return { type, emit };
}

/** Applies a plain instruction. @throws if a number stands where `v128` is wanted and the name has no lane shape. */
export function op<N extends OpName>(name: N, ...operands: Operands<N>): Expr<Result<N>> {
  return new Applied(name, operands as readonly Operand[], instructions.get(name)!) as Expr as Expr<Result<N>>;
}

/** There are many of these: methods cost less than closures. */
class Applied implements Expr {
  readonly type: ValType;
  readonly #name: OpName;
  readonly #operands: readonly Operand[];
  readonly #instruction: Instruction;

  constructor(name: OpName, operands: readonly Operand[], instruction: Instruction) {
    this.type = instruction.result;
    this.#name = name;
    this.#operands = operands;
    this.#instruction = instruction;
  }

  emit(code: Code): void {
    if (code.isWide && comparisons.has(this.#name) && this.#operands.some(isAddress)) {
      this.#emitTwin(code);
      return;
    }
    this.#instruction.operands.forEach((type, i) => {
      asExpr(type, this.#operands[i]!, this.#name).emit(code);
    });
    pushCode(code, this.#instruction.code);
  }

  emitWide(code: Code): void {
    if (linear.has(this.#name)) this.#emitTwin(code);
    else {
      this.emit(code);
      code.push(EXTEND);
    }
  }

  isAddress(): boolean {
    return linear.has(this.#name) && this.#operands.some(isAddress);
  }

  /** The instruction of the same name for i64. */
  #emitTwin(code: Code): void {
    for (const operand of this.#operands) pushWide(code, asExpr("i32", operand));
    pushCode(code, instructions.get(`i64${this.#name.slice(3)}`)!.code);
  }
}

export function i32(value: number): Expr<"i32"> {
  return expr("i32", (code) => {
    code.push(0x41);
    pushSigned(code, value);
  });
}

export function i64(value: number | bigint): Expr<"i64"> {
  return expr("i64", (code) => {
    code.push(0x42);
    pushSigned64(code, BigInt(value));
  });
}

export function f32(value: number): Expr<"f32"> {
  return expr("f32", (code) => {
    code.push(0x43);
    pushAll(code, bytesOf(new Float32Array([value])));
  });
}

export function f64(value: number): Expr<"f64"> {
  return expr("f64", (code) => {
    code.push(0x44);
    pushAll(code, bytesOf(new Float64Array([value])));
  });
}

/** The lane shapes; each has a constructor of constants below. */
export type Shape = "i8x16" | "i16x8" | "i32x4" | "i64x2" | "f32x4" | "f64x2";

const lanesOf: { readonly [S in Shape]: (value: number) => ArrayBufferView } = {
  i8x16: (x) => new Int8Array(16).fill(x),
  i16x8: (x) => new Int16Array(8).fill(x),
  i32x4: (x) => new Int32Array(4).fill(x),
  i64x2: (x) => new BigInt64Array(2).fill(BigInt(x)),
  f32x4: (x) => new Float32Array(4).fill(x),
  f64x2: (x) => new Float64Array(2).fill(x),
};

/** A vector constant from 16 bytes: `v128(new Float32Array([1, 2, 3, 4]))`. */
export function v128(lanes: ArrayBufferView): Expr<"v128"> {
  return expr("v128", (code) => {
    code.push(0xfd, 0x0c);
    pushAll(code, bytesOf(lanes));
  });
}

/** A vector constant with the same number in every lane. */
export function splat(shape: Shape, value: number): Expr<"v128"> {
  return v128(lanesOf[shape](value));
}

/** An operand as a tree; `context` (an instruction's name, or a lane shape) gives numbers their vector shape. */
export function asExpr<T extends ValType>(type: T, value: Operand<T>, context = ""): Expr<T> {
  if (typeof value === "object") {
    if (value.type !== type) throw new Error(`${context || "operand"}: needs ${type}, got ${value.type}.`);
    return value as Expr<T>;
  }
  if (type === "i64") return i64(value) as Expr<T>;
  const number = Number(value);
  if (type === "i32") return i32(number) as unknown as Expr<T>;
  if (type === "f32") return f32(number) as unknown as Expr<T>;
  if (type === "f64") return f64(number) as unknown as Expr<T>;
  const shape = context.split(".")[0] as Shape;
  if (!(shape in lanesOf))
    throw new Error(`${context || "operand"}: ${number} has no lane shape. Write splat(shape, x).`);
  return splat(shape, number) as unknown as Expr<T>;
}

function pushMemoryOp(code: number[], opcode: number, alignment: number, offset: number): void {
  if (opcode >= 0x100) code.push(opcode >> 8);
  pushUnsigned(code, opcode & 0xff);
  pushUnsigned(code, alignment);
  pushUnsigned(code, offset);
}

export { pushMemoryOp };

export type LoadName = keyof typeof loadOps;
type Loaded<N extends LoadName> = (typeof loadOps)[N][2];

/** Loads from `address + offset` (bytes; the offset is a constant ≥ 0). */
export function load<N extends LoadName>(name: N, address: Operand<"i32">, offset = 0): Expr<Loaded<N>> {
  const [opcode, alignment, type] = loadOps[name];
  return expr(type as Loaded<N>, (code) => {
    pushAddress(code, asExpr("i32", address, name));
    pushMemoryOp(code, opcode, alignment, offset);
  });
}

/** `i32.atomic.rmw.cmpxchg`: what is at `address`, a multiple of 4, which becomes `next` if that is `expected`. */
export function compareExchange(address: Operand<"i32">, expected: Operand<"i32">, next: Operand<"i32">): Expr<"i32"> {
  return expr("i32", (code) => {
    pushAddress(code, asExpr("i32", address));
    for (const operand of [expected, next]) asExpr("i32", operand).emit(code);
    pushMemoryOp(code, 0xfe48, 2, 0);
  });
}

/** `vector` with one lane replaced from memory. */
export function loadLane(
  name: keyof typeof laneLoadOps,
  address: Operand<"i32">,
  vector: Expr<"v128">,
  lane: number,
  offset = 0,
): Expr<"v128"> {
  const [opcode, alignment] = laneLoadOps[name];
  return expr("v128", (code) => {
    pushAddress(code, asExpr("i32", address, name));
    vector.emit(code);
    pushMemoryOp(code, opcode, alignment, offset);
    code.push(lane);
  });
}

export type ExtractName = keyof typeof extractOps;

/** One lane of a vector. */
export function extract<N extends ExtractName>(
  name: N,
  vector: Expr<"v128">,
  lane: number,
): Expr<(typeof extractOps)[N][1]> {
  const [opcode, type] = extractOps[name];
  return expr(type as (typeof extractOps)[N][1], (code) => {
    vector.emit(code);
    code.push(opcode >> 8, opcode & 0xff, lane);
  });
}

export type ReplaceName = keyof typeof replaceOps;

/** `vector` with one lane replaced. */
export function replace<N extends ReplaceName>(
  name: N,
  vector: Expr<"v128">,
  lane: number,
  value: Operand<(typeof replaceOps)[N][1]>,
): Expr<"v128"> {
  const [opcode, type] = replaceOps[name];
  return expr("v128", (code) => {
    vector.emit(code);
    asExpr(type as ValType, value, name).emit(code);
    code.push(opcode >> 8, opcode & 0xff, lane);
  });
}

/**
 * Picks lanes from `a` (0 …) and `b` (…). Give 16 byte indices, or 4 or 2 for lanes of 32 or 64 bits:
 * `shuffle(a, b, [0, 4, 1, 5])` interleaves the low halves of two f32x4.
 */
export function shuffle(a: Expr<"v128">, b: Expr<"v128">, lanes: readonly number[]): Expr<"v128"> {
  const width = 16 / lanes.length;
  const bytes = lanes.flatMap((lane) => Array.from({ length: width }, (_, i) => lane * width + i));
  return expr("v128", (code) => {
    a.emit(code);
    b.emit(code);
    code.push(0xfd, 0x0d, ...bytes);
  });
}

/** `condition ? a : b`; both are computed. At least one of them must be a tree, which gives the type. */
export function select<T extends ValType>(condition: Operand<"i32">, a: Expr<T>, b: Operand<T>): Expr<T> {
  const other = asExpr(a.type, b, "select");
  return choice(a, other, (code, type) => {
    pushAs(code, type, a);
    pushAs(code, type, other);
    pushCondition(code, asExpr("i32", condition, "select"));
    code.push(0x1c, 1, typeCode[type]);
  });
}

/** `condition ? a : b`; only one of them is computed. */
export function when<T extends ValType>(condition: Operand<"i32">, a: Expr<T>, b: Operand<T>): Expr<T> {
  const other = asExpr(a.type, b, "when");
  return choice(a, other, (code, type) => {
    pushCondition(code, asExpr("i32", condition, "when"));
    code.push(0x04, typeCode[type]);
    pushAs(code, type, a);
    code.push(0x05);
    pushAs(code, type, other);
    code.push(0x0b);
  });
}

function choice<T extends ValType>(a: Expr<T>, b: Expr<T>, push: (code: Code, type: ValType) => void): Expr<T> {
  return {
    type: a.type,
    emit: (code) => push(code, a.type),
    emitWide: (code) => push(code, "i64"),
    isAddress: () => isAddress(a) || isAddress(b),
  };
}

/** Reads a local; `Func` makes these. */
export class Variable<T extends ValType> implements Local<T> {
  readonly type: T;
  readonly index: number;
  /** The locals of the function that have 64 bits. */
  readonly #addresses: Set<number>;
  readonly #isAddress: boolean;

  constructor(type: T, index: number, addresses: Set<number>) {
    this.type = type;
    this.index = index;
    this.#addresses = addresses;
    this.#isAddress = addresses.has(index);
  }

  emit(code: Code): void {
    code.push(0x20);
    pushUnsigned(code, this.index);
    if (this.#isAddress) code.push(WRAP);
  }

  /** If it has 32 bits, the function is written once more. */
  emitWide(code: Code): void {
    code.push(0x20);
    pushUnsigned(code, this.index);
    if (this.#isAddress) return;
    this.#addresses.add(this.index);
    code.push(EXTEND);
  }

  isAddress(): boolean {
    return this.#isAddress;
  }
}

/** An address that is kept in memory, in eight bytes, of which the first four count where memory is not wide. */
export function loadAddress(address: Operand<"i32">, offset = 0): Expr<"i32"> {
  const { emit } = load("i32.load", address, offset);
  const { emit: emitWide } = load("i64.load", address, offset);
  return { type: "i32", emit, emitWide, isAddress: () => true };
}
