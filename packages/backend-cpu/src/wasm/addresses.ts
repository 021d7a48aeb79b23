/**
 * Addresses of 64 bits. Kernels are written with i32 throughout. Where memory is wide, the emitter finds out which of those
 * numbers are addresses: what loads and stores are given, and all that it is made of by sums, products and choices. Such
 * locals become i64; what else is done with them sees their low 32 bits, but for comparisons, which see all. So a kernel
 * must not make an address by other means, and one that is kept in memory is read with `loadAddress`.
 */
import type { Code, ValType } from "./encoding.ts";
import type { Expr } from "./values.ts";

/** What leads from numbers to an address; the instruction of i64 has the same name. */
export const linear: ReadonlySet<string> = new Set(["add", "sub", "mul", "shl"].map((name) => `i32.${name}`));

const signs = ["lt", "le", "gt", "ge"].flatMap((name) => [`${name}_s`, `${name}_u`]);
/** What must see all bits of an address. */
export const comparisons: ReadonlySet<string> = new Set(["eqz", "eq", "ne", ...signs].map((name) => `i32.${name}`));

/** `i64.extend_i32_s`, `i32.wrap_i64` */
export const EXTEND = 0xac;
export const WRAP = 0xa7;

export function isAddress(operand: unknown): boolean {
  return typeof operand === "object" && (operand as Expr).isAddress?.() === true;
}

/** An i32 with 64 bits. */
export function pushWide(code: Code, value: Expr): void {
  if (value.emitWide) value.emitWide(code);
  else {
    value.emit(code);
    code.push(EXTEND);
  }
}

/** Where a parameter, a result or a local has this type. */
export function pushAs(code: Code, type: ValType, value: Expr): void {
  if (type === value.type) value.emit(code);
  else pushWide(code, value);
}

export function pushAddress(code: Code, value: Expr): void {
  if (code.isWide) pushWide(code, value);
  else value.emit(code);
}

export function pushCondition(code: Code, value: Expr): void {
  if (code.isWide && isAddress(value)) {
    pushWide(code, value);
    code.push(0x42, 0, 0x52); // i64.const 0, i64.ne
  } else value.emit(code);
}
