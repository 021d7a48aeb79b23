/** How a function that makes a new tensor becomes one that changes its first argument. */
import { dtypes } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { isGradEnabled } from "../recorder.ts";
import { tidy } from "../scope.ts";
import { sameShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { applyInPlace } from "./apply.ts";

type Making = ((input: Tensor, ...rest: never[]) => Tensor) & { readonly names?: readonly string[] };

/** The in-place form of `make`: computes, then writes the result into the first argument, whose shape and dtype stay. */
export function written<F extends Making>(make: F): F {
  const name = `${make.name}_`;
  const call = (input: Tensor, ...rest: readonly unknown[]): Tensor =>
    tidy(() => {
      // What the tape saves of the input must not change with it.
      const source = isGradEnabled() && [input, ...rest].some(watched) ? input.clone() : input;
      return store(name, input, make(source, ...(rest as never[])));
    });
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, { names: make.names }) as unknown as F;
}

function watched(value: unknown): boolean {
  return value instanceof Tensor && value.requiresGrad;
}

function store(name: string, target: Tensor, result: Tensor): Tensor {
  if (!sameShape(result.shape, target.shape)) {
    fail(name, `the result has shape ${showShape(result.shape)}, the target ${showShape(target.shape)}`);
  }
  const kinds = ["bool", "int", "float"];
  if (kinds.indexOf(dtypes[result.dtype].kind) > kinds.indexOf(dtypes[target.dtype].kind)) {
    fail(name, `the result is ${result.dtype} and cannot be kept in ${target.dtype}`);
  }
  applyInPlace("copy", [result.to(target.dtype)], target);
  return target;
}
