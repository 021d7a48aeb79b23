/** Optimizers as PyTorch prints them. */
import type { ParamGroup } from "./optimizer.ts";
import { snake } from "./state-dict.ts";

/** By Python's names: lists are tuples, `1e-8` is `1e-08`. */
function python(value: unknown): string {
  if (Array.isArray(value)) return `(${value.map(python).join(", ")})`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "number") return String(value ?? "None");
  const text = value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

export function print(name: string, groups: readonly ParamGroup[]): string {
  const parts = groups.map(({ params: _, ...options }, i) => {
    const lines = Object.entries(options).map(([key, value]) => `    ${snake(key)}: ${python(value)}\n`);
    return `\nParameter Group ${i}\n${lines.sort().join("")}`;
  });
  return `${name} (${parts.join("")})`;
}
