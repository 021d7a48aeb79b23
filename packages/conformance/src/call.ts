/**
 * A recorded call as a call of the library: positional arguments in PyTorch's order, keywords in one options object.
 *
 * JavaScript has one kind of number, so what a Python scalar's type decides is said in other words: among whole-number
 * tensors a float or a bool that is an operand becomes a 0-d tensor of its dtype, and a creation from floats is given
 * the dtype. Hints about memory (layout, memory_format) change no value and are dropped.
 */
import { isFloat, Tensor, tensor } from "@dl/tensor";
import { knownDType, type Table } from "./decode.ts";
import { optionName } from "./names.ts";
import type { FloatValue, Kwargs, Value } from "./records.ts";
import type { Target } from "./resolve.ts";

export const operands = new Set(["input", "self", "other", "min", "max", "exponent"]);
const implied: Readonly<Record<string, readonly string[]>> = {
  layout: ["strided"],
  memory_format: ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"],
};

/** Positional and keyword arguments, decoded. */
export interface Arguments {
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
}

export function decodeCall(
  target: Target,
  args: readonly Value[],
  kwargs: Kwargs,
  table: Table,
  made?: Value,
): Arguments {
  const names = target.names;
  const kept = Object.entries(kwargs).filter(([key, value]) => !isImplied(key, value));
  const whole = isWhole([...args, ...kept.map(([, value]) => value)], table);
  const scalar = (value: Value, name: string | undefined): unknown =>
    whole && operands.has(name ?? "") ? asTensor(value, table) : table.value(value);
  const options = kept.map(([key, value]) => {
    const name = optionName(key, names);
    return [name, key === "device" ? table.device : scalar(value, name)] as const;
  });
  return {
    args: args.map((value, at) => scalar(value, names?.[at])),
    options: Object.fromEntries([...inferred(args, kwargs, table, made), ...options]),
  };
}

/** Keywords alone, decoded under the library's spelling. */
export function camelOptions(kwargs: Kwargs, table: Table, names?: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [optionName(key, names), table.value(value)]));
}

/** Calls with the options behind, where there are any. */
export function invoke(target: Target, { args, options }: Arguments): unknown {
  return target.call(Object.keys(options).length > 0 ? [...args, options] : args);
}

function isImplied(key: string, value: Value): boolean {
  const inner = typeof value === "object" && value !== null ? Object.values(value)[0] : value;
  return implied[key]?.includes(inner as string) ?? false;
}

/** Every tensor among the values, at any depth. */
export function tensorsIn(values: unknown): Tensor[] {
  if (values instanceof Tensor) return [values];
  return Array.isArray(values) ? values.flatMap(tensorsIn) : [];
}

function isWhole(values: readonly Value[], table: Table): boolean {
  const tensors = values.flatMap((value) => refs(value)).map((ref) => table.specs[ref]!);
  return tensors.length > 0 && tensors.every(({ dtype }) => !isFloat(knownDType(dtype)));
}

function refs(value: Value): number[] {
  if (Array.isArray(value)) return value.flatMap(refs);
  if (typeof value !== "object" || value === null) return [];
  if ("$t" in value) return [value.$t];
  return "tuple" in value ? value.tuple.flatMap(refs) : [];
}

function isFloatValue(value: Value): value is FloatValue {
  return typeof value === "object" && value !== null && "float" in value;
}

function asTensor(value: Value, table: Table): unknown {
  const { device } = table;
  if (typeof value === "boolean") return tensor(value, { device });
  return isFloatValue(value) && Number.isInteger(value.float)
    ? tensor(Number(table.value(value)), { dtype: "float32", device })
    : table.value(value);
}

/** The dtype that Python's floats give to what is made from them. */
function inferred(args: readonly Value[], kwargs: Kwargs, table: Table, made: Value | undefined): [string, string][] {
  const values = [...args, ...Object.values(kwargs)];
  if (made === undefined || "dtype" in kwargs || values.flatMap(refs).length > 0 || !values.some(hasWholeFloat))
    return [];
  const [out] = refs(made);
  return out === undefined ? [] : [["dtype", table.specs[out]!.dtype]];
}

function hasWholeFloat(value: Value): boolean {
  if (Array.isArray(value)) return value.some(hasWholeFloat);
  if (typeof value === "object" && value !== null && "tuple" in value) return value.tuple.some(hasWholeFloat);
  return isFloatValue(value) && (typeof value.float !== "number" || Number.isInteger(value.float));
}
