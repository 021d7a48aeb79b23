import type { Shape } from "./shape.ts";

/** Thrown for a programming error: the message names the operation, what it got, what it needed and the remedy. */
export class TensorError extends Error {
  override readonly name: string = "TensorError";
}

/** Throws `op: problem. Remedy`. */
export function fail(op: string, problem: string, remedy?: string): never {
  throw new TensorError(`${op}: ${problem}${remedy ? `. ${remedy}` : ""}`);
}

/** Throws unless `value` is one of the names that there are. */
export function checkName(op: string, what: string, value: unknown, names: readonly string[]): void {
  if (names.includes(value as string)) return;
  const known = names.map((name) => `"${name}"`);
  fail(op, `unknown ${what} "${value}"`, `Use ${known.slice(0, -1).join(", ")} or ${known.at(-1)}`);
}

/**
 * The same error, told of `op`: what an operation calls in turn is its own affair. Errors of other classes speak of
 * other things, such as memory.
 */
export function toldOf(op: string, error: unknown): unknown {
  if (!(error instanceof TensorError) || error.constructor !== TensorError) return error;
  const { message, stack } = error;
  error.message = message.replace(/^\w+: /, `${op}: `);
  if (stack) error.stack = stack.replace(message, () => error.message);
  return error;
}

/** Runs `body`; its errors are told of `op`. */
export function inNameOf<T>(op: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw toldOf(op, error);
  }
}

/** `[2, 3]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
