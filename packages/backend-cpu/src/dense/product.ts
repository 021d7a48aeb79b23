/** What all ways to multiply two matrices have in common. */
import type { Expr, Func, FuncRef, Local, Operand } from "../wasm/emitter.ts";
import { at, combine, loadScalar, type ScalarName, storeScalar } from "./element.ts";

/**
 * The parameters of C[m × n] = A[m × k] · B[k × n] + add. Strides are in bytes. `add` is the address of what is added
 * (C itself to accumulate, or a row of biases, with `addRow` 0), or 0. The packed way takes `depth` steps of k at a
 * time; other ways give `depth` a meaning of their own.
 */
export const productParams = [
  "m",
  "n",
  "k",
  "depth",
  "a",
  "aRow",
  "aColumn",
  "b",
  "bRow",
  "bColumn",
  "c",
  "cRow",
  "cColumn",
  "add",
  "addRow",
  "addColumn",
] as const;

export type ProductLocals = { readonly [K in (typeof productParams)[number]]: Local<"i32"> };
export type Product = FuncRef<typeof productParams, undefined>;

/** Stores `total`, plus what is to be added, as element (`i`, `j`) of C. */
export function storeTotal(
  f: Func,
  p: Pick<ProductLocals, "c" | "cRow" | "cColumn" | "add" | "addRow" | "addColumn">,
  [i, j]: readonly [Operand<"i32">, Operand<"i32">],
  total: Local<ScalarName>,
): void {
  const name = total.type;
  const add = at(at(p.add, i, p.addRow), j, p.addColumn);
  f.if(p.add, () => f.set(total, combine(name, "add", total, loadScalar(name, add))));
  storeScalar(f, name, at(at(p.c, i, p.cRow), j, p.cColumn), total);
}

/** Calls a function with named arguments; those that are not its parameters are left out. */
export function callByName<P extends readonly string[]>(
  f: Func,
  callee: FuncRef<P, undefined>,
  args: { readonly [K in P[number]]: Expr<"i32"> },
): void {
  const named: { readonly [name: string]: Expr<"i32"> } = args;
  f.call(callee as FuncRef<readonly string[], undefined>, ...callee.params.map((name) => named[name]!));
}
