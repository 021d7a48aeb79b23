/** How a function that makes a new tensor becomes one that changes its first argument. */
import type { Storage } from "../backend.ts";
import { isGradEnabled } from "../recorder.ts";
import { tidy } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { apply, applyInPlace, checkFits } from "./apply.ts";
import type { Attrs } from "./table.ts";

/** The memory that an in-place form which is under way changes: ops that place may do so at once. */
let target: Storage | null = null;

/** Runs an op that writes into a copy of its first input, or into that itself where its memory is the target. */
export function placeInto<K extends "scatter" | "indexAdd" | "indexCopy">(
  op: K,
  inputs: readonly [x: Tensor, index: Tensor, source: Tensor],
  attrs: Attrs<K>,
): Tensor {
  const [x] = inputs;
  return x.storage === target ? applyInPlace(op, inputs, x, attrs) : apply(op, inputs, attrs);
}

type Making = ((input: Tensor, ...rest: never[]) => Tensor) & { readonly names?: readonly string[] };

/** The in-place form of `make`: computes, then writes the result into the first argument, whose shape and dtype stay. */
export function written<F extends Making>(make: F): F {
  const call = (input: Tensor, ...rest: readonly unknown[]): Tensor =>
    tidy(() => {
      // What the tape saves of the input must not change with it.
      const isRecorded = isGradEnabled() && [input, ...rest].some(watched);
      target = isRecorded ? null : input.storage;
      try {
        const result = make(isRecorded ? input.clone() : input.detach(), ...(rest as never[]));
        checkFits(make.name, result, input);
        return result.storage === input.storage ? input : applyInPlace("copy", [result.to(input.dtype)], input);
      } finally {
        target = null;
      }
    });
  Object.defineProperty(call, "name", { value: `${make.name}_` });
  return Object.assign(call, { names: make.names }) as unknown as F;
}

function watched(value: unknown): boolean {
  return value instanceof Tensor && value.requiresGrad;
}
