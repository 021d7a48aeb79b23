/** Statements: what a function does in order. Labels are objects, so that a branch never counts depths by hand. */
import { isAddress, pushAddress, pushAs, pushCondition, WRAP } from "./addresses.ts";
import { type Code, pushCode, pushUnsigned, type ValType } from "./encoding.ts";
import { laneStoreOps, storeOps } from "./opcodes-memory.ts";
import { asExpr, type Expr, type Local, type Operand, op, pushMemoryOp, Variable } from "./values.ts";

/** A place to branch to: the end of a `block`, the start of a `loop`. */
export interface Label {
  readonly depth: number;
}

/** Parameters are named; `"n"` is an i32, `"x:f32"` says its type. */
type ParamName<S extends string> = S extends `${infer N}:${string}` ? N : S;
type ParamType<S extends string> = S extends `${string}:${infer T extends ValType}` ? T : "i32";
export type ParamLocals<P extends readonly string[]> = {
  readonly [S in P[number] as ParamName<S>]: Local<ParamType<S>>;
};
export type Arguments<P extends readonly string[]> = { readonly [I in keyof P]: Operand<ParamType<P[I]>> };

/** A function that can be called: one of the module's own, or an imported one. */
export interface FuncRef<
  P extends readonly string[] = readonly string[],
  R extends ValType | undefined = ValType | undefined,
> {
  readonly index: number;
  readonly name: string;
  readonly params: P;
  readonly result: R;
  /** The parameters and the result as they are: addresses may be i64. */
  readonly types: readonly ValType[];
  readonly returns: ValType | undefined;
}

export function paramTypes(params: readonly string[]): ValType[] {
  return params.map((param) => (param.split(":")[1] ?? "i32") as ValType);
}

function pushCall(code: Code, callee: FuncRef, args: readonly Operand[]): void {
  paramTypes(callee.params).forEach((type, i) => {
    pushAs(code, callee.types[i]!, asExpr(type, args[i]!, callee.name));
  });
  code.push(0x10);
  pushUnsigned(code, callee.index);
}

/** The result of a call, as a value. For functions without a result see `f.call`. */
export function call<P extends readonly string[], R extends ValType>(
  callee: FuncRef<P, R>,
  ...args: Arguments<P>
): Expr<R> {
  const emit = (code: Code): void => pushCall(code, callee, args);
  if (callee.returns === callee.result) return { type: callee.result, emit };
  const emitCut = (code: Code): void => {
    emit(code);
    code.push(WRAP);
  };
  return { type: callee.result, emit: emitCut, emitWide: emit, isAddress: () => true };
}

const laneSelects = {
  8: "i8x16.relaxed_laneselect",
  32: "i32x4.relaxed_laneselect",
  64: "i64x2.relaxed_laneselect",
} as const;

/** The body of a function while it is being written; `Module.func` makes it. */
export class Func {
  readonly code: Code = [];
  readonly #locals: Local[] = [];
  readonly #relaxed: boolean;
  readonly #addresses: Set<number>;
  #depth = 0;

  constructor({ relaxed, wide }: { readonly relaxed: boolean; readonly wide?: boolean }, addresses: Set<number>) {
    this.#relaxed = relaxed;
    this.#addresses = addresses;
    if (wide) this.code.isWide = true;
  }

  /** The types of all locals, first the parameters. */
  get types(): ValType[] {
    return this.#locals.map((local) => (isAddress(local) ? "i64" : local.type));
  }

  /** A new local, zero on entry to the function; the first ones are the parameters. */
  local<T extends ValType>(type: T): Local<T> {
    const made = new Variable(type, this.#locals.length, this.#addresses);
    this.#locals.push(made);
    return made;
  }

  locals<T extends ValType>(type: T, count: number): Local<T>[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** Computes a value once, into a new local. */
  let<T extends ValType>(value: Expr<T>): Local<T> {
    const result = this.local(value.type);
    this.set(result, value);
    return result;
  }

  set<T extends ValType>(target: Local<T>, value: Operand<T>): void {
    pushAs(this.code, isAddress(target) ? "i64" : target.type, asExpr(target.type, value, "set"));
    this.code.push(0x21);
    pushUnsigned(this.code, target.index);
  }

  /** `target += value`, for counters and pointers. */
  inc(target: Local<"i32">, value: Operand<"i32">): void {
    this.set(target, op("i32.add", target, value));
  }

  /** Stores at `address + offset` (bytes; the offset is a constant ≥ 0). */
  store<N extends keyof typeof storeOps>(
    name: N,
    address: Operand<"i32">,
    value: Operand<(typeof storeOps)[N][2]>,
    offset = 0,
  ): void {
    const [opcode, alignment, type] = storeOps[name];
    pushAddress(this.code, asExpr("i32", address, name));
    asExpr(type as ValType, value, name).emit(this.code);
    pushMemoryOp(this.code, opcode, alignment, offset);
  }

  /** Stores one lane of a vector. */
  storeLane(
    name: keyof typeof laneStoreOps,
    address: Operand<"i32">,
    vector: Expr<"v128">,
    lane: number,
    offset = 0,
  ): void {
    const [opcode, alignment] = laneStoreOps[name];
    pushAddress(this.code, asExpr("i32", address, name));
    vector.emit(this.code);
    pushMemoryOp(this.code, opcode, alignment, offset);
    this.code.push(lane);
  }

  /** `memory.fill`: sets `bytes` bytes from `address` to `value`. */
  fill(address: Operand<"i32">, value: Operand<"i32">, bytes: Operand<"i32">): void {
    pushAddress(this.code, asExpr("i32", address));
    asExpr("i32", value).emit(this.code);
    pushAddress(this.code, asExpr("i32", bytes));
    this.code.push(0xfc, 0x0b, 0);
  }

  /** `memory.copy`: the ranges may overlap. */
  copy(target: Operand<"i32">, source: Operand<"i32">, bytes: Operand<"i32">): void {
    for (const operand of [target, source, bytes]) pushAddress(this.code, asExpr("i32", operand, "memory.copy"));
    this.code.push(0xfc, 0x0a, 0, 0);
  }

  /** Runs `body`; branching to its label leaves it. */
  block(body: (exit: Label) => void): void {
    this.#nest(0x02, body);
  }

  /** Runs `body` once; branching to its label starts it again. */
  loop(body: (again: Label) => void): void {
    this.#nest(0x03, body);
  }

  if(condition: Operand<"i32">, then: (exit: Label) => void, otherwise?: (exit: Label) => void): void {
    pushCondition(this.code, asExpr("i32", condition, "if"));
    this.#nest(0x04, (exit) => {
      then(exit);
      if (otherwise === undefined) return;
      this.code.push(0x05);
      otherwise(exit);
    });
  }

  br(label: Label): void {
    this.code.push(0x0c);
    pushUnsigned(this.code, this.#depth - label.depth);
  }

  brIf(label: Label, condition: Operand<"i32">): void {
    pushCondition(this.code, asExpr("i32", condition, "brIf"));
    this.code.push(0x0d);
    pushUnsigned(this.code, this.#depth - label.depth);
  }

  /** Leaves the function. */
  return(value?: Expr): void {
    value?.emit(this.code);
    this.code.push(0x0f);
  }

  unreachable(): void {
    this.code.push(0x00);
  }

  /** `for (i = from; i < to; i += step)`, signed; `to` is computed before every round, so keep it simple. */
  for(i: Local<"i32">, from: Operand<"i32">, to: Operand<"i32">, step: Operand<"i32">, body: () => void): void {
    this.set(i, from);
    this.while(op("i32.lt_s", i, to), () => {
      body();
      this.inc(i, step);
    });
  }

  /** Counts a new local from 0 up to `to`, in ones. */
  range(to: Operand<"i32">, body: (i: Local<"i32">) => void): void {
    const i = this.local("i32");
    this.for(i, 0, to, 1, () => body(i));
  }

  /**
   * Tests before every round; written as a guarded loop that tests at the bottom, so the condition is emitted twice. V8
   * allocates vector registers well for just this form (for a bare `doWhile` the micro kernels ran at half the speed).
   */
  while(condition: Operand<"i32">, body: () => void): void {
    this.if(condition, () => this.doWhile(body, condition));
  }

  /** Tests at the bottom, so it runs at least once. */
  doWhile(body: () => void, condition: Operand<"i32">): void {
    this.loop((again) => {
      body();
      this.brIf(again, condition);
    });
  }

  /** Calls a function that has no result. */
  call<P extends readonly string[]>(callee: FuncRef<P, undefined>, ...args: Arguments<P>): void {
    pushCall(this.code, callee, args);
  }

  /** Computes a value for its effects only. */
  drop(value: Expr): void {
    value.emit(this.code);
    this.code.push(0x1a);
  }

  /** The whole parts of float32 numbers; relaxed SIMD leaves open what others than those of int32 give. */
  cut(x: Operand<"v128">): Expr<"v128"> {
    return op(this.#relaxed ? "i32x4.relaxed_trunc_f32x4_s" : "i32x4.trunc_sat_f32x4_s", x);
  }

  /** `a * b + c` by lane: fused and rounded once where the host has relaxed SIMD, else multiplied, then added. */
  madd(shape: "f32x4" | "f64x2", a: Operand<"v128">, b: Operand<"v128">, c: Operand<"v128">): Expr<"v128"> {
    if (this.#relaxed) return op(`${shape}.relaxed_madd`, a, b, c);
    return op(`${shape}.add`, c, op(`${shape}.mul`, a, b));
  }

  /** Lanes of `a` where a mask has all bits set, of `b` where it has none: relaxed SIMD takes one instruction for three. */
  choose(a: Operand<"v128">, b: Operand<"v128">, mask: Operand<"v128">, width: 8 | 32 | 64): Expr<"v128"> {
    return op(this.#relaxed ? laneSelects[width] : "v128.bitselect", a, b, mask);
  }

  #nest(opcode: number, body: (label: Label) => void): void {
    pushCode(this.code, opcode);
    this.code.push(0x40);
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.code.push(0x0b);
  }
}
