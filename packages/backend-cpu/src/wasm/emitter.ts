/**
 * WebAssembly modules written in TypeScript, at run time. Everything that a kernel needs is exported from here:
 *
 * ```ts
 * const m = new Module({ shared: true, relaxed: true });
 * m.func("addScaled", ["x", "y", "out", "end", "scale:f32"], (f, { x, y, out, end, scale }) => {
 *   const factor = f.let(op("f32x4.splat", scale));
 *   f.while(op("i32.lt_u", x, end), () => {
 *     f.store("v128.store", out, f.madd("f32x4", load("v128.load", y), factor, load("v128.load", x)));
 *     for (const pointer of [x, y, out]) f.inc(pointer, 16);
 *   });
 * });
 * const bytes = m.bytes();
 * ```
 *
 * Names and types of instructions are checked by the compiler; a number stands for a constant of the type wanted.
 */
import { pushAll, pushName, pushSection, pushSized, pushUnsigned, typeCode, type ValType } from "./encoding.ts";
import { Func, type FuncRef, type ParamLocals, paramTypes } from "./func.ts";
import { type Expr, local } from "./values.ts";

export { call, Func, type FuncRef } from "./func.ts";
export {
  type Expr,
  extract,
  f32,
  f64,
  i32,
  i64,
  type Local,
  load,
  loadLane,
  type Operand,
  type OpName,
  op,
  replace,
  type Shape,
  select,
  shuffle,
  splat,
  tee,
  v128,
  when,
} from "./values.ts";

export interface ModuleOptions {
  /** The memory that is imported as `env.memory` is shared between threads. */
  readonly shared: boolean;
  /** `f.madd` may use relaxed SIMD. */
  readonly relaxed: boolean;
  /** The engine joins neighbouring vectors, see `Features`. */
  readonly joined?: boolean;
}

interface Declared {
  readonly ref: FuncRef;
  readonly exported: boolean;
  readonly body: Func;
}

/** What the body of a function returns: its result, if it has one. */
type Outcome = Expr | void;
type ResultOf<R> = R extends Expr<infer T> ? T : undefined;

/** The functions of `Math`, which modules may import: each takes and gives float64. */
export type MathFunction = { [K in keyof Math]: Math[K] extends (...args: number[]) => number ? K : never }[keyof Math];

/** One module: functions over the one imported memory. */
export class Module {
  readonly options: ModuleOptions;
  readonly #imports: FuncRef[] = [];
  readonly #functions: Declared[] = [];
  #usesScratch = false;

  constructor(options: ModuleOptions) {
    this.options = options;
  }

  /** Imports `Math.<name>`. All imports come before the first function. */
  importMath<const P extends readonly `${string}:f64`[]>(name: MathFunction, params: P): FuncRef<P, "f64"> {
    if (this.#functions.length > 0) throw new Error(`importMath: ${name} comes after a function. Import it first.`);
    const ref: FuncRef<P, "f64"> = { index: this.#imports.length, name, params, result: "f64" };
    this.#imports.push(ref as unknown as FuncRef);
    return ref;
  }

  /**
   * Adds an exported function. Parameters are names, i32 unless they say otherwise (`"x:f32"`); `body` gets them as
   * locals by name, and what it returns is the function's result.
   */
  func<const P extends readonly string[], R extends Outcome>(
    name: string,
    params: P,
    body: (f: Func, params: ParamLocals<P>) => R,
  ): FuncRef<P, ResultOf<R>> {
    return this.#declare(name, params, body, true);
  }

  /** Adds a function that only this module calls. */
  inner<const P extends readonly string[], R extends Outcome>(
    name: string,
    params: P,
    body: (f: Func, params: ParamLocals<P>) => R,
  ): FuncRef<P, ResultOf<R>> {
    return this.#declare(name, params, body, false);
  }

  /** The address of this thread's scratch area (see `runtime/scratch.ts`): reserve it before the kernel runs. */
  scratch(): Expr<"i32"> {
    this.#usesScratch = true;
    return {
      type: "i32",
      emit(code) {
        code.push(0x23, 0x00, 0x28, 2, 0); // global.get 0, i32.load
      },
    };
  }

  /** The finished module. */
  bytes(): Uint8Array<ArrayBuffer> {
    const types = new TypeTable();
    const imported = this.#imports.map((ref) => types.index(ref));
    const declared = this.#functions.map(({ ref }) => types.index(ref));
    const out = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    pushSection(out, 1, types.section());
    pushSection(out, 2, this.#importSection(imported));
    pushSection(
      out,
      3,
      vector(declared, (content, type) => pushUnsigned(content, type)),
    );
    pushSection(out, 7, this.#exportSection());
    pushSection(out, 10, vector(this.#functions, pushBody));
    pushSection(out, 0, this.#nameSection());
    return new Uint8Array(out);
  }

  #declare<const P extends readonly string[], R extends Outcome>(
    name: string,
    params: P,
    body: (f: Func, params: ParamLocals<P>) => R,
    exported: boolean,
  ): FuncRef<P, ResultOf<R>> {
    const types = paramTypes(params);
    const func = new Func(params.length, this.options.relaxed);
    const locals = Object.fromEntries(params.map((param, i) => [param.split(":")[0]!, local(types[i]!, i)]));
    const result = body(func, locals as ParamLocals<P>);
    result?.emit(func.code);
    const ref = { index: this.#imports.length + this.#functions.length, name, params, result: result?.type };
    this.#functions.push({ ref, exported, body: func });
    return ref as FuncRef<P, ResultOf<R>>;
  }

  #importSection(types: readonly number[]): number[] {
    const content: number[] = [];
    pushUnsigned(content, 1 + types.length + (this.#usesScratch ? 1 : 0));
    this.#imports.forEach((ref, i) => {
      pushName(content, "math");
      pushName(content, ref.name);
      content.push(0);
      pushUnsigned(content, types[i]!);
    });
    pushName(content, "env");
    pushName(content, "memory");
    content.push(2, this.options.shared ? 3 : 1, 1);
    pushUnsigned(content, 65536);
    if (this.#usesScratch) {
      pushName(content, "env");
      pushName(content, "scratch");
      content.push(3, typeCode.i32, 0);
    }
    return content;
  }

  #exportSection(): number[] {
    const exported = this.#functions.filter((declared) => declared.exported);
    return vector(exported, (content, { ref }) => {
      pushName(content, ref.name);
      content.push(0);
      pushUnsigned(content, ref.index);
    });
  }

  /** Function names, for error messages and profilers. */
  #nameSection(): number[] {
    const content: number[] = [];
    pushName(content, "name");
    content.push(1);
    const names = vector(this.#functions, (part, { ref }) => {
      pushUnsigned(part, ref.index);
      pushName(part, ref.name);
    });
    pushSized(content, names);
    return content;
  }
}

class TypeTable {
  readonly #rows: FuncRef[] = [];
  readonly #byKey = new Map<string, number>();

  index(ref: FuncRef): number {
    const key = `${paramTypes(ref.params)}>${ref.result}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#byKey.set(key, this.#rows.length);
    return this.#rows.push(ref) - 1;
  }

  section(): number[] {
    return vector(this.#rows, (content, ref) => {
      content.push(0x60);
      pushTypes(content, paramTypes(ref.params));
      pushTypes(content, ref.result === undefined ? [] : [ref.result]);
    });
  }
}

function pushTypes(out: number[], types: readonly ValType[]): void {
  pushUnsigned(out, types.length);
  pushAll(
    out,
    types.map((type) => typeCode[type]),
  );
}

function vector<T>(items: readonly T[], push: (content: number[], item: T) => void): number[] {
  const content: number[] = [];
  pushUnsigned(content, items.length);
  for (const item of items) push(content, item);
  return content;
}

/** Locals come in runs of one type. */
function pushBody(out: number[], { body }: Declared): void {
  const runs: [ValType, number][] = [];
  for (const type of body.localTypes) {
    const last = runs.at(-1);
    if (last?.[0] === type) last[1]++;
    else runs.push([type, 1]);
  }
  const content = vector(runs, (part, [type, count]) => {
    pushUnsigned(part, count);
    part.push(typeCode[type]);
  });
  pushAll(content, body.code);
  content.push(0x0b);
  pushSized(out, content);
}
