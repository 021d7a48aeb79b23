import type { Shape } from "./shape.ts";

/** Thrown for a programming error: the message names the operation, what it got, what it needed and the remedy. */
export class TensorError extends Error {
  override readonly name: string = "TensorError";
}

/** Throws `op: problem. Remedy`. */
export function fail(op: string, problem: string, remedy?: string): never {
  throw new TensorError(`${op}: ${problem}${remedy ? `. ${remedy}` : ""}`);
}

/** `[2, 3]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
