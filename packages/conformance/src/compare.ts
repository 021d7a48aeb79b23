/** Results against what PyTorch gave: dtype, shape, NaN and infinities exactly, whole numbers exactly, floats within tolerance. */
import { type DType, decode, isFloat, rawData, Tensor } from "@dl/tensor";
import { floatOf, knownDType, rawOf, type Table } from "./decode.ts";
import { mismatch } from "./outcome.ts";
import type { Recorded, TensorSpec, Tolerance, Value } from "./records.ts";

export type Part = "out" | "grad" | "grad2";

const outputs: Readonly<Record<string, Tolerance>> = {
  float32: [1e-5, 1e-5],
  float64: [1e-7, 1e-7],
  float16: [1e-3, 1e-3],
  bfloat16: [2e-2, 1e-2],
};
const gradients: Readonly<Record<string, Tolerance>> = { ...outputs, float32: [1e-4, 1e-5], float64: [1e-6, 1e-7] };

/** How one part of a record is compared. */
export interface Rule {
  readonly tolerance: (dtype: string) => Tolerance;
  /** Only dtype and shape. */
  readonly shapeOnly?: boolean;
  /** Up to sign. */
  readonly signless?: boolean;
}

/** GPUs round differently: ten times float32's tolerances. */
export function ruleFor(record: Pick<Recorded, "tol" | "unstable">, part: Part, device: string): Rule {
  const given = record.tol?.[part];
  const slack = device === "cpu" ? 1 : 10;
  const tolerance = (dtype: string): Tolerance => {
    const [rtol, atol] = given ?? (part === "out" ? outputs : gradients)[dtype] ?? [0, 0];
    return dtype === "float32" ? [rtol * slack, atol * slack] : [rtol, atol];
  };
  return { tolerance, shapeOnly: record.unstable?.includes(part) ?? false };
}

/** Any recorded value: tensors, numbers, strings, lists of them. */
export function compareValue(where: string, got: unknown, expected: Value, table: Table, rule: Rule): void {
  if (Array.isArray(expected)) compareList(where, got, expected, table, rule);
  else if (typeof expected !== "object" || expected === null) comparePlain(where, got, expected);
  else if ("$t" in expected) compareTensor(where, got, table.spec(expected), rule);
  else if ("tuple" in expected) compareList(where, got, expected.tuple, table, rule);
  else if ("float" in expected) compareFloat(where, got, floatOf(expected.float), rule);
  else if ("dtype" in expected) comparePlain(where, got, knownDType(expected.dtype));
  else if ("dict" in expected) compareDict(where, got, expected.dict, table, rule);
  else mismatch(where, `nothing to compare ${JSON.stringify(expected)} with`);
}

function compareList(where: string, got: unknown, expected: readonly Value[], table: Table, rule: Rule): void {
  const items = Array.isArray(got) ? got : mismatch(where, `is ${show(got)}, expected ${expected.length} values`);
  if (items.length !== expected.length) mismatch(where, `has ${items.length} values, expected ${expected.length}`);
  for (const [i, value] of expected.entries()) compareValue(`${where}[${i}]`, items[i], value, table, rule);
}

function compareDict(
  where: string,
  got: unknown,
  expected: readonly (readonly [Value, Value])[],
  table: Table,
  rule: Rule,
): void {
  const entries = new Map(got instanceof Map ? got : Object.entries((got ?? {}) as object));
  const keys = expected.map(([key]) => String(key));
  if (entries.size !== keys.length) mismatch(where, `has keys ${[...entries.keys()]}, expected ${keys}`);
  for (const [key, value] of expected) compareValue(`${where}.${key}`, entries.get(String(key)), value, table, rule);
}

function comparePlain(where: string, got: unknown, expected: unknown): void {
  const same =
    got === expected ||
    (expected === null && got === undefined) ||
    (typeof got === "bigint" && Number(got) === expected);
  if (!same) mismatch(where, `is ${show(got)}, expected ${show(expected)}`);
}

function compareFloat(where: string, got: unknown, expected: number, rule: Rule): void {
  if (typeof got !== "number") mismatch(where, `is ${show(got)}, expected ${expected}`);
  if (!close(got, expected, rule.tolerance("float64"))) mismatch(where, `is ${got}, expected ${expected}`);
}

export function compareTensor(where: string, got: unknown, expected: TensorSpec, rule: Rule): void {
  if (!(got instanceof Tensor)) mismatch(where, `is ${show(got)}, expected a tensor`);
  if (got.dtype !== expected.dtype) mismatch(where, `is ${got.dtype}, expected ${expected.dtype}`);
  if (String(got.shape) !== String(expected.shape)) {
    mismatch(where, `has shape [${got.shape}], expected [${expected.shape}]`);
  }
  const raw = rawOf(expected);
  if (raw && !rule.shapeOnly) compareElements(where, rawData(got, "compare"), raw, got.dtype, rule);
}

type Raw = ReturnType<typeof rawData>;

function compareElements(where: string, got: Raw, expected: Raw, dtype: DType, rule: Rule): void {
  const tolerance = rule.tolerance(dtype);
  const wrong: number[] = [];
  for (let i = 0; i < expected.length; i++) {
    if (isFloat(dtype) ? !same(got, expected, i, dtype, tolerance, rule) : got[i] !== expected[i]) wrong.push(i);
  }
  if (wrong.length === 0) return;
  const [first] = wrong;
  const [a, b] = [decode(got, first!, dtype), decode(expected, first!, dtype)];
  mismatch(where, `${wrong.length} of ${expected.length} elements differ, the first at ${first}: ${a}, expected ${b}`);
}

function same(got: Raw, expected: Raw, i: number, dtype: DType, tolerance: Tolerance, { signless }: Rule): boolean {
  const [a, b] = [Number(decode(got, i, dtype)), Number(decode(expected, i, dtype))];
  return signless ? close(Math.abs(a), Math.abs(b), tolerance) : close(a, b, tolerance);
}

export function close(got: number, expected: number, [rtol, atol]: Tolerance): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(got);
  if (got === expected) return true;
  return Number.isFinite(expected) && Math.abs(got - expected) <= atol + rtol * Math.abs(expected);
}

export function show(value: unknown): string {
  if (value instanceof Tensor) return `a ${value.dtype} tensor of [${value.shape}]`;
  if (Array.isArray(value)) return `${value.length} values`;
  return typeof value === "object" && value !== null ? value.constructor.name : String(value);
}
