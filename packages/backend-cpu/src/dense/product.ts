/** What the three ways to multiply two matrices have in common. */
import type { Expr, Func, FuncRef } from "../wasm/emitter.ts";

/**
 * C[m × n] = A[m × k] · B[k × n] + add. Strides are in bytes. `add` is 0, or the address of what is added: C itself to
 * accumulate, or a row of biases with `addRow` 0.
 */
export const productParams = [
  "m",
  "n",
  "k",
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

export type Product = FuncRef<typeof productParams, undefined>;

/** Calls a product with the arguments by name. */
export function callProduct(
  f: Func,
  product: Product,
  args: { readonly [K in (typeof productParams)[number]]: Expr<"i32"> },
): void {
  f.call(product as FuncRef<readonly string[], undefined>, ...productParams.map((name) => args[name]));
}
