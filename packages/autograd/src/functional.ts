/** Derivatives of functions of tensors. Arguments are taken as values: nothing reaches their `.grad`. */
import { enableGrad, fail, onesLike, sameShape, showShape, stack, type Tensor, zeros, zerosLike } from "@dl/tensor";
import { grad, listOf, type OneOrMore } from "./grad.ts";

/** One tensor for one tensor, a list for a list. */
export type Like<I extends OneOrMore<Tensor>, T = Tensor> = I extends readonly Tensor[] ? T[] : T;

export interface FunctionalOptions {
  /** Record what is computed, so that the result can be differentiated for inputs that require grad. */
  readonly createGraph?: boolean;
}

/**
 * `f` together with the gradients of its single-element result for every argument. What needs no gradient, such as
 * labels, `f` takes from around it.
 * @throws TensorError when the result has more than one element, or an argument is not of a float dtype
 * @example
 * const targets = floatTensor([4, 5]);
 * const loss = (w: Tensor, b: Tensor) => w.mul(3).add(b).sub(targets).square().sum();
 * const { value, grads } = valueAndGrad(loss)(ones(2), zeros(2));
 * value; // tensor(5.)
 * grads; // [tensor([ -6., -12.]), tensor([-2., -4.])]
 */
export function valueAndGrad<A extends readonly Tensor[]>(
  f: (...args: A) => Tensor,
): (...args: A) => { value: Tensor; grads: { [K in keyof A]: Tensor } } {
  return (...args) =>
    recorded(() => {
      const leaves = watched(args, false);
      const value = single("valueAndGrad", f(...(leaves as unknown as A)));
      return { value: value.detach(), grads: pull([value], leaves, [], false) as { [K in keyof A]: Tensor } };
    });
}

/**
 * The output of `f`, and the product of `v` with its Jacobian.
 * @param v shaped like the output; left out for a single element
 * @throws TensorError when `v` is not shaped like the output
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.vjp.html
 */
export function vjp<I extends OneOrMore<Tensor>, O extends OneOrMore<Tensor>>(
  f: (...inputs: Tensor[]) => O,
  inputs: I,
  v: OneOrMore<Tensor> | null = null,
  { createGraph = false }: FunctionalOptions = {},
): { output: O; vjp: Like<I> } {
  return recorded(() => {
    const leaves = watched(inputs, createGraph);
    const output = f(...leaves);
    const vectors = vectorsFor("vjp", v, listOf(output), "output");
    const found = pull(listOf(output), leaves, vectors, createGraph);
    return { output: createGraph ? output : values(output), vjp: like(inputs, found) };
  });
}

/**
 * The output of `f`, and the product of its Jacobian with `v`. A vjp is linear in its vector, so its own derivative for
 * that vector is the other product.
 * @param v shaped like the inputs; left out for a single element
 * @throws TensorError when `v` is not shaped like the inputs
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.jvp.html
 */
export function jvp<I extends OneOrMore<Tensor>, O extends OneOrMore<Tensor>>(
  f: (...inputs: Tensor[]) => O,
  inputs: I,
  v: OneOrMore<Tensor> | null = null,
  { createGraph = false }: FunctionalOptions = {},
): { output: O; jvp: Like<O> } {
  return recorded(() => {
    const leaves = watched(inputs, createGraph);
    const output = f(...leaves);
    const vectors = vectorsFor("jvp", v, leaves, "input");
    const dummies = listOf(output).map((x) => zerosLike(x).requiresGrad_());
    const rows = pull(listOf(output), leaves, dummies, true);
    const found = pull(rows, dummies, vectors, createGraph);
    return { output: createGraph ? output : values(output), jvp: like(output, found) };
  });
}

/**
 * d f(x) / d x, of shape [...output shape, ...input shape]. With several inputs a list over them; with several outputs
 * a list over those, outermost.
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html
 */
export function jacobian<I extends OneOrMore<Tensor>, O extends OneOrMore<Tensor>>(
  f: (...inputs: Tensor[]) => O,
  inputs: I,
  { createGraph = false }: FunctionalOptions = {},
): Like<O, Like<I>> {
  return recorded(() => {
    const leaves = watched(inputs, createGraph);
    const outputs = f(...leaves);
    let left = listOf(outputs).reduce((sum, output) => sum + output.numel(), 0);
    const tables = listOf(outputs).map((output) => {
      const flat = output.reshape(-1);
      const rows = Array.from({ length: flat.numel() }, (_, i) =>
        pull([flat.select(0, i)], leaves, [], createGraph, createGraph || --left > 0),
      );
      const parts = leaves.map((leaf, k) =>
        tableOf(
          rows.map((row) => row[k]!),
          output,
          leaf,
        ),
      );
      return like(inputs, parts);
    });
    return like(outputs, tables);
  });
}

/**
 * The second derivatives of a single-element result, of shape [...x.shape, ...x.shape]; a list of lists for several
 * inputs.
 * @throws TensorError when the result has more than one element
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.hessian.html
 */
export function hessian<I extends OneOrMore<Tensor>>(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: I,
  options: FunctionalOptions = {},
): Like<I, Like<I>> {
  const slope = (...xs: Tensor[]): OneOrMore<Tensor> => like(inputs, pull([single("hessian", f(...xs))], xs, [], true));
  return jacobian(slope, inputs, options) as Like<I, Like<I>>;
}

/**
 * The result of `f`, and the product of its Hessian with `v`, at the cost of two passes.
 * @param v shaped like the inputs; left out for a single element
 * @throws TensorError when the result has more than one element, or `v` is not shaped like the inputs
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.hvp.html
 */
export function hvp<I extends OneOrMore<Tensor>>(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: I,
  v: OneOrMore<Tensor> | null = null,
  { createGraph = false }: FunctionalOptions = {},
): { output: Tensor; hvp: Like<I> } {
  return recorded(() => {
    const leaves = watched(inputs, createGraph);
    const output = single("hvp", f(...leaves));
    const vectors = vectorsFor("hvp", v, leaves, "input");
    const slope = pull([output], leaves, [], true);
    const found = pull(slope, leaves, vectors, createGraph);
    return { output: createGraph ? output : output.detach(), hvp: like(inputs, found) };
  });
}

/** Also inside `noGrad`, as in PyTorch. */
function recorded<T>(body: () => T): T {
  return enableGrad(body as () => never);
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

function single(op: string, output: Tensor): Tensor {
  if (output.numel() === 1) return output;
  return fail(op, `the function gave a tensor of shape ${showShape(output.shape)}`, "Reduce it to a single element");
}

function vectorsFor(
  op: string,
  v: OneOrMore<Tensor> | null,
  tensors: readonly Tensor[],
  what: "input" | "output",
): readonly Tensor[] {
  if (v === null && tensors.every((x) => x.numel() === 1)) return tensors.map((x) => onesLike(x));
  if (v === null) fail(op, `needs v, shaped like the ${what}`, "It may be left out for a single element");
  const vectors = listOf(v);
  if (vectors.length !== tensors.length) {
    fail(op, `got ${vectors.length} tensors as v for ${tensors.length} ${what}s`, "Give one for each");
  }
  for (const [i, { shape }] of vectors.entries()) {
    const wanted = tensors[i]!.shape;
    if (!sameShape(shape, wanted)) fail(op, `v has shape ${showShape(shape)}, its ${what} ${showShape(wanted)}`);
  }
  return vectors;
}

/** Gradients of outputs that may not depend on the inputs at all. */
function pull(
  outputs: readonly Tensor[],
  leaves: readonly Tensor[],
  vectors: readonly Tensor[],
  createGraph: boolean,
  retainGraph: boolean = createGraph,
): Tensor[] {
  const live = [...outputs.keys()].filter((i) => outputs[i]!.requiresGrad);
  if (live.length === 0) return leaves.map((leaf) => zerosLike(leaf));
  const gradOutputs = live.map((i) => vectors[i] ?? null);
  const roots = live.map((i) => outputs[i]!);
  return grad(roots, leaves, { gradOutputs, createGraph, retainGraph, materializeGrads: true });
}

function tableOf(rows: readonly Tensor[], output: Tensor, { shape, dtype, device }: Tensor): Tensor {
  const full = [...output.shape, ...shape];
  return rows.length === 0 ? zeros(full, { dtype, device }) : stack(rows).reshape(full);
}
