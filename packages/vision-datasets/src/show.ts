import { isTensor, showShape } from "@dl/tensor";

/** Describes a value that a user gave, for an error message. */
export function showValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showValue).join(", ")}]`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (isTensor(value)) return `a tensor ${showShape(value.shape)}`;
  const name = value.constructor === Object ? "object" : String(value.constructor?.name);
  return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
}
