/** The second pass of standardization: the results of a segment, all in the type of the elements. */
import type { Element } from "../dense/element.ts";
import { type Expr, type FuncRef, type Local, load, type Module, op } from "../wasm/emitter.ts";
import { access, storeFirst } from "./access.ts";
import type { Kind } from "./standardize-loops.ts";

/**
 * x̂ = (x − centre) · gain + rest, which makes up for the rounding of `centre`. Backwards the gradient is
 * g w · gain + x̂ · slope + shift.
 */
export const numbers = ["centre:f64", "gain:f64", "rest:f64", "slope:f64", "shift:f64"] as const;
const writeParams = ["x", "g", "w", "b", "y", "dw", "db", "count", ...numbers] as const;
export type Writer = FuncRef<typeof writeParams, undefined>;

export function single(e: Element, x: Expr<"f64">): Expr<"f32"> {
  return (e.name === "f64" ? x : op("f32.demote_f64", x)) as Expr<"f32">;
}

/** Forwards y = x̂ w + b; backwards the gradient of x, and where each element has a weight, g x̂ and g go into sums. */
export function writer(m: Module, { e, name, weights }: Kind): Writer {
  const isBackward = name === "standardizeBackward";
  const walked =
    weights === "element" ? (["w", ...(isBackward ? (["dw", "db"] as const) : (["b"] as const))] as const) : [];
  return m.inner("write", writeParams, (f, p) => {
    const splat = (x: Local<"f64">): Local<"v128"> => f.let(op(`${e.shape}.splat`, single(e, x) as never));
    const [centre, gain, rest, slope, shift] = [p.centre, p.gain, p.rest, p.slope, p.shift].map(splat);
    const ofSegment = [p.w, p.b].map((pointer) =>
      weights === "segment" ? f.let(load(e.loadSplat, pointer)) : undefined,
    );
    const madd = (a: Expr<"v128">, b: Expr<"v128">, c: Expr<"v128">) => f.madd(e.shape, a, b, c);
    const by = (verb: "add" | "sub" | "mul", a: Expr<"v128">, b: Expr<"v128">) => op(`${e.shape}.${verb}`, a, b);
    const from = (pointer: Local<"i32">): Expr<"v128"> => load("v128.load", pointer);
    const [w, b] = [ofSegment[0] ?? from(p.w), ofSegment[1] ?? from(p.b)];
    const step = (store: (pointer: Local<"i32">, value: Expr<"v128">) => void): void => {
      const normal = f.let(madd(by("sub", from(p.x), centre!), gain!, rest!));
      if (!isBackward) {
        store(p.y, weights === "none" ? normal : madd(normal, w, b));
        return;
      }
      const g = f.let(from(p.g));
      store(p.y, madd(weights === "none" ? g : by("mul", g, w), gain!, madd(normal, slope!, shift!)));
      if (weights !== "element") return;
      store(p.dw, madd(g, normal, from(p.dw)));
      store(p.db, by("add", g, from(p.db)));
    };
    f.while(op("i32.ge_s", p.count, e.lanes), () => {
      step((pointer, value) => f.store("v128.store", pointer, value));
      for (const pointer of ["x", "y", ...(isBackward ? (["g"] as const) : []), ...walked] as const)
        f.inc(p[pointer], 16);
      f.inc(p.count, -e.lanes);
    });
    const kept = access[e.name === "f64" ? "float64" : "float32"];
    f.if(p.count, () => step((pointer, value) => storeFirst(f, kept, e.lanes as 2 | 4, p.count, pointer, value)));
  });
}
