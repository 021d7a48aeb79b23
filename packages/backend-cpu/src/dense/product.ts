/** What the three ways to multiply two matrices have in common. */
import type { Expr, Func, FuncRef, Local } from "../wasm/emitter.ts";

/**
 * C[m × n] = A[m × k] · B[k × n] + add. Strides are in bytes. `add` is 0, or the address of what is added: C itself to
 * accumulate, or a row of biases with `addRow` 0. The packed way takes `depth` of k at a time.
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

/** Calls a function with the arguments by name. */
export function callByName<P extends readonly string[]>(
  f: Func,
  callee: FuncRef<P, undefined>,
  args: { readonly [K in P[number]]: Expr<"i32"> },
): void {
  const named: { readonly [name: string]: Expr<"i32"> } = args;
  f.call(callee as FuncRef<readonly string[], undefined>, ...callee.params.map((name) => named[name]!));
}
