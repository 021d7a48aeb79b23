/**
 * The functions that trees may call: those of `Math`, and small functions with loops, which are added to the module.
 */
import { NOTES } from "../runtime/layout.ts";
import { type Expr, type FuncRef, type Local, type Module, op, select } from "../wasm/emitter.ts";
import type { Helper, HostFunction, Node, NumberType } from "./expression.ts";
import { collect } from "./lanes.ts";

type HostRef = FuncRef<readonly `${string}:f64`[], "f64">;
const twoArguments = new Set<HostFunction>(["atan2", "pow"]);

/** The functions that some trees call. Make it before any function of the module, since imports come first. */
export class Tools {
  readonly #m: Module;
  readonly #hosts = new Map<HostFunction, HostRef>();
  readonly #helpers = new Map<string, FuncRef<readonly string[], NumberType>>();

  constructor(m: Module, roots: readonly Node[]) {
    this.#m = m;
    const all = withFallbacks(roots);
    for (const node of all) if (node.op === "host") this.#addHost(m, node.detail as HostFunction);
    for (const node of all) if (node.op === "helper") this.#addHelper(m, node);
  }

  /** The address of room for a vector, in memory that only this thread writes. */
  notes(): Expr<"i32"> {
    return op("i32.add", this.#m.area(), NOTES);
  }

  host(name: HostFunction): HostRef {
    return this.#hosts.get(name)!;
  }

  helper({ detail, type }: Node): FuncRef<readonly string[], NumberType> {
    return this.#helpers.get(`${detail as Helper} ${type}`)!;
  }

  #addHost(m: Module, name: HostFunction): void {
    if (this.#hosts.has(name)) return;
    const params = twoArguments.has(name) ? (["a:f64", "b:f64"] as const) : (["a:f64"] as const);
    this.#hosts.set(name, m.importMath(name, params as readonly ["a:f64"]) as unknown as HostRef);
  }

  #addHelper(m: Module, { detail, type }: Node): void {
    const key = `${detail as Helper} ${type}`;
    if (this.#helpers.has(key)) return;
    this.#helpers.set(key, helpers[detail as Helper](m, type as NumberType) as FuncRef<readonly string[], NumberType>);
  }
}

function withFallbacks(roots: readonly Node[]): Node[] {
  const nodes = [...collect(roots)];
  return [...nodes, ...nodes.flatMap(({ fallback }) => (fallback ? withFallbacks([fallback]) : []))];
}

type FloatName = "f32" | "f64";
type IntName = "i32" | "i64";

const helpers: { readonly [H in Helper]: (m: Module, type: NumberType) => FuncRef } = {
  fmod: (m, type) => addFmod(m, type as FloatName),
  gcd: (m, type) => addGcd(m, type as IntName),
  power: (m, type) => addPower(m, type as IntName),
};

/** Applies instructions of one type by their names without the type. */
function instructions<T extends NumberType>(type: T): (name: string, ...args: readonly unknown[]) => Expr<T> {
  return (name, ...args) => (op as (name: string, ...args: readonly unknown[]) => Expr<T>)(`${type}.${name}`, ...args);
}

const asBool = (x: Expr): Expr<"i32"> => x as Expr<"i32">;

/** Adds the exact remainder, with the sign of a: subtracts multiples of b that are halved again and again. */
function addFmod(m: Module, type: FloatName): FuncRef {
  const of = instructions(type);
  return m.inner(`fmod_${type}`, [`a:${type}`, `b:${type}`], (f, { a, b }: Record<"a" | "b", Local<FloatName>>) => {
    const [rest, unit, step] = [f.let(of("abs", a)), f.let(of("abs", b)), f.local(type)];
    const infinite = Number.POSITIVE_INFINITY;
    const valid = op("i32.and", asBool(of("lt", rest, infinite)), asBool(of("gt", unit, 0)));
    f.if(op("i32.eqz", valid), () => f.return(of("mul", of("div", a, b), Number.NaN)));
    f.if(asBool(of("eq", unit, infinite)), () => f.return(a));
    f.set(step, unit);
    f.while(asBool(of("le", step, of("mul", rest, 0.5))), () => f.set(step, of("add", step, step)));
    f.while(asBool(of("ge", step, unit)), () => {
      f.set(rest, select(asBool(of("ge", rest, step)), of("sub", rest, step), rest));
      f.set(step, of("mul", step, 0.5));
    });
    return of("copysign", rest, a);
  }) as FuncRef;
}

function addGcd(m: Module, type: IntName): FuncRef {
  const of = instructions(type);
  return m.inner(`gcd_${type}`, [`a:${type}`, `b:${type}`], (f, { a, b }: Record<"a" | "b", Local<IntName>>) => {
    const rest = f.local(type);
    f.while(asBool(of("ne", b, 0)), () => {
      f.set(rest, of("rem_s", a, b));
      f.set(a, b);
      f.set(b, rest);
    });
    return select(asBool(of("lt_s", a, 0)), of("sub", 0, a), a);
  }) as FuncRef;
}

/**
 * Adds powers of whole numbers by squaring, which wrap around. With a negative exponent they are 0, unless a is 1 or
 * -1.
 */
function addPower(m: Module, type: IntName): FuncRef {
  const of = instructions(type);
  return m.inner(`power_${type}`, [`a:${type}`, `b:${type}`], (f, { a, b }: Record<"a" | "b", Local<IntName>>) => {
    const result = f.local(type);
    f.set(result, 1 as never);
    f.if(asBool(of("lt_s", b, 0)), () => {
      f.if(asBool(of("gt_u", of("add", a, 1), 2)), () => f.return(of("sub", 1, 1)));
      f.if(asBool(of("eq", a, 0)), () => f.return(a));
      f.set(b, of("and", b, 1));
    });
    f.while(asBool(of("ne", b, 0)), () => {
      f.if(asBool(of("ne", of("and", b, 1), 0)), () => f.set(result, of("mul", result, a)));
      f.set(a, of("mul", a, a));
      f.set(b, of("shr_s", b, 1));
    });
    return result;
  }) as FuncRef;
}
