/** The second pass of standardization: the results of a segment, all in the type of the elements. */
import { type Expr, type Func, type FuncRef, type Local, load, type Module, op } from "../wasm/emitter.ts";
import type { ParamLocals } from "../wasm/func.ts";
import { access, storeFirst } from "./access.ts";
import type { Kind } from "./standardize-loops.ts";
import { single } from "./standardize-sums.ts";

/**
 * x̂ = (x − centre) · gain + rest, which makes up for the rounding of `centre`. Backwards the gradient is
 * g w · gain + x̂ · slope + shift.
 */
const numbers = ["centre:f64", "gain:f64", "rest:f64", "slope:f64", "shift:f64"] as const;
const writeParams = ["x", "g", "w", "b", "y", "dw", "db", "count", ...numbers] as const;
export type Writer = FuncRef<typeof writeParams, undefined>;

type Vector = Expr<"v128">;
type Store = (pointer: Local<"i32">, value: Vector) => void;

/** Forwards y = x̂ w + b; backwards the gradient of x, and where each element has a weight, g x̂ and g go into sums. */
export function writer(m: Module, kind: Kind): Writer {
  const { e, name, weights } = kind;
  const isBackward = name === "standardizeBackward";
  return m.inner("write", writeParams, (f, p) => {
    const ofElement = weights === "element" ? (isBackward ? [p.w, p.dw, p.db] : [p.w, p.b]) : [];
    const walked = [p.x, p.y, ...(isBackward ? [p.g] : []), ...ofElement];
    const step = stepOf(f, p, kind);
    for (const vectors of [2, 1]) {
      f.while(op("i32.ge_s", p.count, vectors * e.lanes), () => {
        for (let vector = 0; vector < vectors; vector++) {
          step(vector, (pointer, value) => f.store("v128.store", pointer, value, 16 * vector));
        }
        for (const pointer of walked) f.inc(pointer, 16 * vectors);
        f.inc(p.count, -vectors * e.lanes);
      });
    }
    const kept = access[e.name === "f64" ? "float64" : "float32"];
    f.if(p.count, () => step(0, (pointer, value) => storeFirst(f, kept, e.lanes as 2 | 4, p.count, pointer, value)));
  });
}

/** What computes the results of a vector, and stores them. */
function stepOf(
  f: Func,
  p: ParamLocals<typeof writeParams>,
  { e, name, weights }: Kind,
): (vector: number, store: Store) => void {
  const splat = (x: Local<"f64">): Local<"v128"> => f.let(op(`${e.shape}.splat`, single(e, x) as never));
  const [centre, gain, rest, slope, shift] = [p.centre, p.gain, p.rest, p.slope, p.shift].map(splat);
  const ofSegment = [p.w, p.b].map((pointer) =>
    weights === "segment" ? f.let(load(e.loadSplat, pointer)) : undefined,
  );
  const madd = (a: Vector, b: Vector, c: Vector) => f.madd(e.shape, a, b, c);
  const by = (verb: "add" | "sub" | "mul", a: Vector, b: Vector) => op(`${e.shape}.${verb}`, a, b);
  return (vector, store) => {
    const from = (pointer: Local<"i32">): Vector => load("v128.load", pointer, 16 * vector);
    const [w, b] = [ofSegment[0] ?? from(p.w), ofSegment[1] ?? from(p.b)];
    const normal = f.let(madd(by("sub", from(p.x), centre!), gain!, rest!));
    if (name === "standardize") {
      store(p.y, weights === "none" ? normal : madd(normal, w, b));
      return;
    }
    const g = f.let(from(p.g));
    const result = madd(weights === "none" ? g : by("mul", g, w), gain!, madd(normal, slope!, shift!));
    // All loads, then all stores: what lies 4096 bytes apart is one place to some processors for a while.
    const sums =
      weights === "element" ? [madd(g, normal, from(p.dw)), by("add", g, from(p.db))].map((x) => f.let(x)) : [];
    store(p.y, result);
    for (const [i, sum] of sums.entries()) store(i === 0 ? p.dw : p.db, sum);
  };
}
