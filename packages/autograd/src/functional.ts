/** Derivatives of functions of tensors. Arguments are taken as values: nothing reaches their `.grad`. */
import { stack, type Tensor, zeros, zerosLike } from "@dl/tensor";
import { grad, listOf, type OneOrMore } from "./grad.ts";

/** One tensor for one tensor, a list for a list. */
export type Like<I extends OneOrMore<Tensor>, T = Tensor> = I extends readonly Tensor[] ? T[] : T;

type Fn<O> = (...inputs: Tensor[]) => O;

export interface FunctionalOptions {
  /** Record what is computed, so that the result can be differentiated for inputs that require grad. */
  readonly createGraph?: boolean;
}

function like<I extends OneOrMore<Tensor>, T>(shape: I, list: readonly T[]): Like<I, T> {
  return (Array.isArray(shape) ? list : list[0]) as Like<I, T>;
}

/** Inputs that gradients can be asked for: leaves of their own, or links to the caller's graph. */
function watched(inputs: OneOrMore<Tensor>, createGraph: boolean): Tensor[] {
  return listOf(inputs).map((x) => (createGraph && x.requiresGrad ? x.view([...x.shape]) : x.detach().requiresGrad_()));
}

function values<O extends OneOrMore<Tensor>>(outputs: O): O {
  const detached = listOf(outputs).map((output) => output.detach());
  return like<OneOrMore<Tensor>, Tensor>(outputs, detached) as O;
}

/** Gradients of outputs that may not depend on the inputs at all. */
function pull(
  outputs: readonly Tensor[],
  leaves: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  createGraph: boolean,
  retainGraph: boolean = createGraph,
): Tensor[] {
  const live = [...outputs.keys()].filter((i) => outputs[i]!.requiresGrad);
  if (live.length === 0) return leaves.map((leaf) => zerosLike(leaf));
  const gradOutputs = live.map((i) => cotangents[i] ?? null);
  const roots = live.map((i) => outputs[i]!);
  return grad(roots, leaves, { gradOutputs, createGraph, retainGraph, materializeGrads: true });
}

/**
 * `f` together with the gradients of its single-element result for every argument.
 * @example
 * const { value, grads: [dw] } = valueAndGrad(loss)(w, x);
 */
export function valueAndGrad<A extends readonly Tensor[]>(
  f: (...args: A) => Tensor,
): (...args: A) => { value: Tensor; grads: { [K in keyof A]: Tensor } } {
  return (...args) => {
    const leaves = watched(args, false);
    const value = f(...(leaves as unknown as A));
    return { value: value.detach(), grads: pull([value], leaves, [], false) as { [K in keyof A]: Tensor } };
  };
}

/**
 * The output of `f`, and the product of `v` with its Jacobian. `v` is shaped like the output; 1 for a single element.
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.vjp.html
 */
export function vjp<I extends OneOrMore<Tensor>, O extends OneOrMore<Tensor>>(
  f: Fn<O>,
  inputs: I,
  v: OneOrMore<Tensor> | null = null,
  { createGraph = false }: FunctionalOptions = {},
): { output: O; vjp: Like<I> } {
  const leaves = watched(inputs, createGraph);
  const outputs = f(...leaves);
  const found = pull(listOf(outputs), leaves, v === null ? [] : listOf(v), createGraph);
  return { output: createGraph ? outputs : values(outputs), vjp: like(inputs, found) };
}

/**
 * The output of `f`, and the product of its Jacobian with `v`, which is shaped like the inputs: a vjp is linear in its
 * vector, so its own derivative for that vector is the other product.
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.jvp.html
 */
export function jvp<I extends OneOrMore<Tensor>, O extends OneOrMore<Tensor>>(
  f: Fn<O>,
  inputs: I,
  v: OneOrMore<Tensor>,
  { createGraph = false }: FunctionalOptions = {},
): { output: O; jvp: Like<O> } {
  const leaves = watched(inputs, createGraph);
  const outputs = f(...leaves);
  const dummies = listOf(outputs).map((output) => zerosLike(output).requiresGrad_());
  const rows = pull(listOf(outputs), leaves, dummies, true);
  const found = pull(rows, dummies, listOf(v), createGraph);
  return { output: createGraph ? outputs : values(outputs), jvp: like(outputs, found) };
}

/**
 * d f(x) / d x, of shape [...output shape, ...input shape]. With several inputs a list over them; with several outputs
 * a list over those, outermost.
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html
 */
export function jacobian<I extends OneOrMore<Tensor>, O extends OneOrMore<Tensor>>(
  f: Fn<O>,
  inputs: I,
  { createGraph = false }: FunctionalOptions = {},
): Like<O, Like<I>> {
  const leaves = watched(inputs, createGraph);
  const outputs = f(...leaves);
  const tables = listOf(outputs).map((output) => {
    const flat = output.reshape(-1);
    const rows = Array.from({ length: flat.numel() }, (_, i) =>
      pull([flat.select(0, i)], leaves, [], createGraph, true),
    );
    return like(
      inputs,
      leaves.map((leaf, i) =>
        table(
          output,
          leaf,
          rows.map((row) => row[i]!),
        ),
      ),
    );
  });
  return like(outputs, tables);
}

function table(output: Tensor, { shape }: Tensor, rows: readonly Tensor[]): Tensor {
  const { dtype, device } = output;
  const full = [...output.shape, ...shape];
  return rows.length === 0 ? zeros(full, { dtype, device }) : stack(rows).reshape(full);
}

/**
 * The second derivatives of a single-element result, of shape [...x.shape, ...x.shape]; a list of lists for several
 * inputs.
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.hessian.html
 */
export function hessian<I extends OneOrMore<Tensor>>(
  f: Fn<Tensor>,
  inputs: I,
  options: FunctionalOptions = {},
): Like<I, Like<I>> {
  const slope = (...xs: Tensor[]): Like<I> => like(inputs, pull([f(...xs)], xs, [], true));
  return jacobian(slope as Fn<OneOrMore<Tensor>>, inputs, options) as Like<I, Like<I>>;
}

/**
 * The result of `f`, and the product of its Hessian with `v`, at the cost of two passes.
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.hvp.html
 */
export function hvp<I extends OneOrMore<Tensor>>(
  f: Fn<Tensor>,
  inputs: I,
  v: OneOrMore<Tensor>,
): { output: Tensor; hvp: Like<I> } {
  const leaves = watched(inputs, false);
  const output = f(...leaves);
  const slope = pull([output], leaves, [], true);
  return { output: output.detach(), hvp: like(inputs, pull(slope, leaves, listOf(v), false)) };
}
