import type { Shape } from "./shape.ts";

/** Thrown for a programming error: the message names the operation, what it got, what it needed and the remedy. */
export class TensorError extends Error {
  override readonly name: string = "TensorError";
}

/** Throws `op: problem. Remedy`. */
export function fail(op: string, problem: string, remedy?: string): never {
  throw new TensorError(`${op}: ${problem}${remedy ? `. ${remedy}` : ""}`);
}

/** Throws unless `value` is one of `names`. */
export function checkName(op: string, what: string, value: unknown, names: readonly string[]): void {
  if (names.includes(value as string)) return;
  const known = names.map((name) => `"${name}"`);
  fail(op, `unknown ${what} "${value}"`, `Use ${known.slice(0, -1).join(", ")} or ${known.at(-1)}`);
}

/**
 * Renames the op at the start of a TensorError's message, and returns the error. Users should read the name of the op
 * that they called, not that of an op which it is made of. Errors of other classes are left alone: they are about other
 * things, such as memory.
 */
export function toldOf(op: string, error: unknown): unknown {
  if (!(error instanceof TensorError) || error.constructor !== TensorError) return error;
  const { message, stack } = error;
  error.message = message.replace(/^\w+: /, `${op}: `);
  if (stack) error.stack = stack.replace(message, () => error.message);
  return error;
}

/** Runs `body` such that its errors name `op`. */
export function inNameOf<T>(op: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw toldOf(op, error);
  }
}

/**
 * What a user gave, in words, for the message of an error; of a list the first eight.
 * @example
 * showValue([zeros(2, 3), new Map()]); // "[a tensor [2, 3], a Map]"
 */
export function showValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(showValue).join(", ")}${value.length > 8 ? ", …" : ""}]`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const { shape, storage } = value as { readonly shape?: unknown; readonly storage?: unknown };
  if (Array.isArray(shape) && storage !== undefined) return `a tensor ${showShape(shape)}`;
  const { name = "Object" } = (value.constructor ?? {}) as { readonly name?: string };
  return name === "Object" ? "an object" : `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** `[2, 3]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
