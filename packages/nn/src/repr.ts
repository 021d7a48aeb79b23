/** Values as Python prints them: what stands between a module's parentheses is PyTorch's, character for character. */
import { stateName } from "./naming.ts";

export type Printable = number | boolean | string | null | undefined | readonly Printable[];

/** A number that is a float in Python: `1e-05`, `2.0`. */
export function float(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Whole numbers as ints, lists as tuples, the rest by Python's names. */
export function python(value: Printable): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : float(value);
  return value.length === 1 ? `(${python(value[0])},)` : `(${value.map(python).join(", ")})`;
}

/** `{ kernelSize: 2, ceilMode: false }` → `kernel_size=2, ceil_mode=False`. */
export function describe(fields: Readonly<Record<string, Printable>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${stateName(name)}=${python(value)}`)
    .join(", ");
}

/** A module: its own line, or one line per item where there are children. */
export function layout(name: string, extra: string, children: readonly (readonly [string, string])[]): string {
  const own = extra === "" ? [] : extra.split("\n");
  if (children.length === 0 && own.length <= 1) return `${name}(${extra})`;
  const nested = children.map(([key, text]) => `(${key}): ${text.replaceAll("\n", "\n  ")}`);
  return `${name}(\n  ${[...own, ...nested].join("\n  ")}\n)`;
}
