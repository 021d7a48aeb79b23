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
import { isAddress, pushAs } from "./addresses.ts";
import {
  type Code,
  pushAll,
  pushName,
  pushSection,
  pushSized,
  pushUnsigned,
  typeCode,
  type ValType,
} from "./encoding.ts";
import { Func, type FuncRef, type ParamLocals, paramTypes } from "./func.ts";
import { isCut, loopOverShare, loopParams, shareLoopOf } from "./shares.ts";
import { type Expr, loadAddress } from "./values.ts";

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
  loadAddress,
  loadLane,
  type Operand,
  type OpName,
  op,
  replace,
  select,
  shuffle,
  splat,
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
  /** Addresses of the memory have 64 bits, see `addresses.ts`. */
  readonly wide?: boolean;
}

interface Declared {
  readonly ref: FuncRef;
  readonly exported: boolean;
  /** The types of the locals that are not parameters. */
  readonly locals: readonly ValType[];
  readonly code: Code;
}

/** A body once it ran. */
interface Written {
  readonly code: Code;
  /** Of all locals, first the parameters. */
  readonly types: readonly ValType[];
  readonly result: ValType | undefined;
  readonly returns: ValType | undefined;
}

/** What the body of a function returns: its result, if it has one. */
type Outcome = Expr | void;
type ResultOf<R> = R extends Expr<infer T> ? T : undefined;

/** The most that engines allow: 4 GiB, and 16 GiB. */
export const PAGES: number = 2 ** 16;
export const WIDE_PAGES: number = 2 ** 18;

/** The functions of `Math`, which modules may import: each takes and gives float64. */
export type MathFunction = { [K in keyof Math]: Math[K] extends (...args: number[]) => number ? K : never }[keyof Math];

/** One module: functions over the one imported memory. */
export class Module {
  readonly options: ModuleOptions;
  readonly #imports: FuncRef[] = [];
  readonly #functions: Declared[] = [];
  #usesArea = false;

  constructor(options: ModuleOptions) {
    this.options = options;
  }

  /** Imports `Math.<name>`. All imports come before the first function. */
  importMath<const P extends readonly `${string}:f64`[]>(name: MathFunction, params: P): FuncRef<P, "f64"> {
    if (this.#functions.length > 0) throw new Error(`importMath: ${name} comes after a function. Import it first.`);
    const types = paramTypes(params);
    const ref: FuncRef<P, "f64"> = { index: this.#imports.length, name, params, result: "f64", types, returns: "f64" };
    this.#imports.push(ref as unknown as FuncRef);
    return ref;
  }

  /**
   * Adds an exported function. Parameters are names, i32 unless they say otherwise (`"x:f32"`); `body` gets them as
   * locals by name, and what it returns is the function's result. It may run several times. Where the first two are `chunk`
   * and `chunks`, the loop of a thread over its share of them is exported, too.
   */
  func<const P extends readonly string[], R extends Outcome>(
    name: string,
    params: P,
    body: (f: Func, params: ParamLocals<P>) => R,
  ): FuncRef<P, ResultOf<R>> {
    const ref = this.#declare(name, params, body, true);
    if (isCut(params)) {
      const kernel = ref as unknown as FuncRef;
      this.#declare(shareLoopOf(name), loopParams(kernel), (f, p) => loopOverShare(f, kernel, p), true);
    }
    return ref;
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
    return loadAddress(this.area());
  }

  /** Where this thread's area lies, see `runtime/layout.ts`. */
  area(): Expr<"i32"> {
    this.#usesArea = true;
    return {
      type: "i32",
      emit(code) {
        code.push(0x23, 0x00); // global.get 0
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
    const addresses = new Set<number>();
    const { code, types, result, returns } = this.#write(params, body, addresses);
    const index = this.#imports.length + this.#functions.length;
    const ref: FuncRef = { index, name, params, result, types: types.slice(0, params.length), returns };
    const isEntry = exported && !params.some((_, i) => addresses.has(i));
    this.#functions.push({ ref, exported: isEntry, locals: types.slice(params.length), code });
    if (exported && !isEntry) this.#functions.push(entryOf(ref));
    return ref as unknown as FuncRef<P, ResultOf<R>>;
  }

  /** Writes a function, and again until all addresses among its locals are known. */
  #write(params: readonly string[], body: (f: Func, params: never) => Outcome, addresses: Set<number>): Written {
    const known = addresses.size;
    const f = new Func(this.options, addresses);
    const locals = paramTypes(params).map((type, i) => [params[i]!.split(":")[0]!, f.local(type)] as const);
    const value = body(f, Object.fromEntries(locals) as never) as Expr | undefined;
    const returns = value && (isAddress(value) ? "i64" : value.type);
    if (value) pushAs(f.code, returns!, value);
    if (addresses.size > known) return this.#write(params, body, addresses);
    return { code: f.code, types: f.types, result: value?.type, returns };
  }

  #importSection(types: readonly number[]): number[] {
    const content: number[] = [];
    pushUnsigned(content, 1 + types.length + (this.#usesArea ? 1 : 0));
    this.#imports.forEach((ref, i) => {
      pushName(content, "math");
      pushName(content, ref.name);
      content.push(0);
      pushUnsigned(content, types[i]!);
    });
    pushName(content, "env");
    pushName(content, "memory");
    const { shared, wide } = this.options;
    content.push(2, (shared ? 3 : 1) + (wide ? 4 : 0), 1);
    pushUnsigned(content, wide ? WIDE_PAGES : PAGES);
    if (this.#usesArea) {
      pushName(content, "env");
      pushName(content, "area");
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

/** What JavaScript calls in the place of `callee`: addresses are plain numbers there. */
function entryOf(callee: FuncRef): Declared {
  const declared = paramTypes(callee.params);
  const types = callee.types.map((type, i) => (type === declared[i] ? type : "f64"));
  const code: Code = [];
  types.forEach((type, i) => {
    code.push(0x20, i);
    if (type !== callee.types[i]) code.push(0xfc, 0x06); // i64.trunc_sat_f64_s
  });
  code.push(0x10);
  pushUnsigned(code, callee.index);
  return { ref: { ...callee, index: callee.index + 1, types }, exported: true, locals: [], code };
}

class TypeTable {
  readonly #rows: FuncRef[] = [];
  readonly #byKey = new Map<string, number>();

  index(ref: FuncRef): number {
    const key = `${ref.types}>${ref.returns}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#byKey.set(key, this.#rows.length);
    return this.#rows.push(ref) - 1;
  }

  section(): number[] {
    return vector(this.#rows, (content, ref) => {
      content.push(0x60);
      pushTypes(content, ref.types);
      pushTypes(content, ref.returns === undefined ? [] : [ref.returns]);
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
function pushBody(out: number[], { locals, code }: Declared): void {
  const runs: [ValType, number][] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.[0] === type) last[1]++;
    else runs.push([type, 1]);
  }
  const content = vector(runs, (part, [type, count]) => {
    pushUnsigned(part, count);
    part.push(typeCode[type]);
  });
  pushAll(content, code);
  content.push(0x0b);
  pushSized(out, content);
}
