/** How a function that makes a new tensor becomes one that changes its first argument. */
import { inNameOf } from "../errors.ts";
import { isGradEnabled } from "../recorder.ts";
import { tidy } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { apply, applyInPlace, checkFits } from "./apply.ts";
import type { Attrs } from "./table.ts";

/** Whether `x` is what an in-place form handed to the function it is made of, or a view of that. */
export const isTarget = (x: Tensor): boolean => (x.base ?? x).isTarget;

/** Runs an op that writes into a copy of its first input, or into that itself where it is a target. */
export function placeInto<K extends "scatter" | "indexAdd" | "indexCopy">(
  op: K,
  inputs: readonly [x: Tensor, index: Tensor, source: Tensor],
  attrs: Attrs<K>,
): Tensor {
  const [x] = inputs;
  return isTarget(x) ? applyInPlace(op, inputs, x, attrs) : apply(op, inputs, attrs);
}

type Making = ((input: Tensor, ...rest: never[]) => Tensor) & { readonly names?: readonly string[] };

/** The in-place form of `make`: computes, then writes the result into the first argument, whose shape and dtype stay. */
export function written<F extends Making>(make: F): F {
  const name = `${make.name}_`;
  const body = (input: Tensor, rest: readonly unknown[]): Tensor => {
    // What the tape saves of the input must not change with it.
    const isRecorded = isGradEnabled() && [input, ...rest].some(watched);
    const target = isRecorded ? input.clone() : input.detach();
    target.isTarget = !isRecorded;
    const result = make(target, ...(rest as never[]));
    checkFits(make.name, result, input);
    return result.storage === input.storage ? input : applyInPlace("copy", [result.to(input.dtype)], input);
  };
  const call = (input: Tensor, ...rest: readonly unknown[]): Tensor =>
    inNameOf(name, () => tidy(() => body(input, rest)));
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, { names: make.names }) as unknown as F;
}

function watched(value: unknown): boolean {
  return value instanceof Tensor && value.requiresGrad;
}
