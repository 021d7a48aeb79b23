/**
 * Addresses of 64 bits. Kernels are written with i32 throughout. Where memory is wide, the emitter finds out which of those
 * numbers are addresses: what loads and stores are given, and all that it is made of by sums, products and choices. Such
 * locals become i64; what else is done with them sees their low 32 bits, but for comparisons, which see all. So a kernel
 * must not make an address by other means, and one that is kept in memory is read with `loadAddress`.
 */
import type { Code, ValType } from "./encoding.ts";
import type { Expr } from "./values.ts";

/** An i32 with 64 bits. */
export interface Wide {
  /** Whether it is made of an address. */
  readonly isAddress: boolean;
  emit(code: Code): void;
}

/** What leads from numbers to an address; the instruction of i64 has the same name. */
export const linear: ReadonlySet<string> = new Set(["add", "sub", "mul", "shl"].map((name) => `i32.${name}`));

const signs = ["lt", "le", "gt", "ge"].flatMap((name) => [`${name}_s`, `${name}_u`]);
/** What must see all bits of an address. */
export const comparisons: ReadonlySet<string> = new Set(["eqz", "eq", "ne", ...signs].map((name) => `i32.${name}`));

export function holdsAddress(operand: unknown): boolean {
  return typeof operand === "object" && (operand as Expr).wide?.isAddress === true;
}

/** Made of others. */
export function wideOf(parts: readonly unknown[], emit: (code: Code) => void): Wide {
  return {
    get isAddress() {
      return parts.some(holdsAddress);
    },
    emit,
  };
}

/** `i64.extend_i32_s` */
export const EXTEND = 0xac;
/** `i32.wrap_i64` */
export const WRAP = 0xa7;

export function pushWide(code: Code, value: Expr): void {
  if (value.wide) {
    value.wide.emit(code);
    return;
  }
  value.emit(code);
  code.push(EXTEND);
}

/** Where a parameter, a result or a local has this type. */
export function pushAs(code: Code, type: ValType, value: Expr): void {
  if (type === "i64" && value.type === "i32") pushWide(code, value);
  else value.emit(code);
}

export function pushAddress(code: Code, value: Expr): void {
  if (code.isWide) pushWide(code, value);
  else value.emit(code);
}

export function pushCondition(code: Code, value: Expr): void {
  pushAs(code, holdsAddress(value) ? "i64" : "i32", value);
  if (holdsAddress(value)) code.push(0x42, 0, 0x52); // i64.const 0, i64.ne
}
