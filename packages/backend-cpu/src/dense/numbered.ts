/** Kernels that differ by a number, mostly of the rows or columns that they do at once, and the choice among them. */
import { type Expr, type Func, op } from "../wasm/emitter.ts";
import type { Int } from "./element.ts";

export type Numbered<T> = readonly (readonly [number, T])[];

/** Kernels for one row, and more up to `most`. */
export function byRows<T>(most: number, make: (rows: number) => T): Numbered<T> {
  return bySize(
    Array.from({ length: most }, (_, i) => i + 1),
    make,
  );
}

export function bySize<T>(sizes: readonly number[], make: (size: number) => T): Numbered<T> {
  return sizes.map((size) => [size, make(size)] as const);
}

/** Runs `body` for the kernel whose number `value` has. */
export function dispatch<T>(
  f: Func,
  value: Expr<"i32">,
  kernels: Numbered<T>,
  body: (kernel: T, number: number) => void,
): void {
  f.block((done) => {
    for (const [number, kernel] of kernels) {
      f.if(op("i32.eq", value, number), () => {
        body(kernel, number);
        f.br(done);
      });
    }
  });
}

/** Counts `i` up to `end` by as many as a kernel does at once; those for more come first. */
export function inSteps<T>(
  f: Func,
  i: Int,
  from: Int | 0,
  end: Int,
  kernels: Numbered<T>,
  body: (kernel: T) => void,
): void {
  f.set(i, from);
  for (const [size, kernel] of kernels) {
    f.while(op("i32.le_s", op("i32.add", i, size), end), () => {
      body(kernel);
      f.inc(i, size);
    });
  }
}
