/** Gradients as values, instead of in `.grad`. */
import { fail, stack, type Tensor, zerosLike } from "@dl/tensor";
import { needNode, nodesTo, run } from "./backward.ts";
import type { Capture } from "./engine.ts";
import { slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";

export interface GradOptions {
  /** Gradients of the outputs; ones for single elements. */
  readonly gradOutputs?: Tensor | readonly (Tensor | null)[] | undefined;
  readonly retainGraph?: boolean;
  /** Record the pass, so that the gradients can be differentiated. */
  readonly createGraph?: boolean;
  /** Give `null` for inputs that the outputs do not depend on, instead of an error. */
  readonly allowUnused?: boolean;
}

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

/**
 * The gradients of `outputs` for `inputs`, without touching any `.grad`.
 * @throws TensorError when an input requires no grad, or is not used (see `allowUnused`)
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.grad.html
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): Tensor[] {
  const { createGraph = false, retainGraph = createGraph, allowUnused = false, gradOutputs = [] } = options;
  const [roots, wanted] = [list(outputs), list(inputs)];
  const found: (Tensor | undefined)[] = wanted.map(() => undefined);
  const captures = new Map<Node, Capture[]>();
  wanted.forEach((input, i) => {
    const node = needNode("grad", input);
    const take = (g: Tensor): void => {
      found[i] = g;
    };
    captures.set(node, [...(captures.get(node) ?? []), { slot: slotOf(input), take }]);
  });
  const needed = nodesTo(roots, new Set(captures.keys()));
  run("grad", roots, list(gradOutputs), { createGraph, retainGraph, accumulate: false, needed, captures });
  return found.map((g, i) => g ?? unused(i, allowUnused));
}

function unused(index: number, allowed: boolean): Tensor {
  if (allowed) return null as unknown as Tensor;
  return fail("grad", `the outputs do not depend on input ${index}`, "Give { allowUnused: true } for null there");
}

/** `f` together with the gradients of its single-element result for every argument. */
export function valueAndGrad<A extends readonly Tensor[]>(
  f: (...args: A) => Tensor,
): (...args: A) => { value: Tensor; grads: Tensor[] } {
  return (...args) => {
    const leaves = args.map((arg) => arg.detach().requiresGrad_()) as unknown as A;
    const value = f(...leaves);
    return { value: value.detach(), grads: grad(value, leaves) };
  };
}

/** The output for `x`, and the product of `v` with the Jacobian. */
export function vjp(f: (x: Tensor) => Tensor, x: Tensor, v: Tensor): { output: Tensor; vjp: Tensor } {
  const leaf = x.detach().requiresGrad_();
  const output = f(leaf);
  return { output: output.detach(), vjp: grad(output, leaf, { gradOutputs: v })[0]! };
}

/** The output for `x`, and the product of the Jacobian with `v`: a vjp, differentiated. */
export function jvp(f: (x: Tensor) => Tensor, x: Tensor, v: Tensor): { output: Tensor; jvp: Tensor } {
  const leaf = x.detach().requiresGrad_();
  const output = f(leaf);
  const dummy = zerosLike(output).requiresGrad_();
  const [row] = grad(output, leaf, { gradOutputs: dummy, createGraph: true });
  return { output: output.detach(), jvp: grad(row!, dummy, { gradOutputs: v })[0]! };
}

/**
 * d f(x) / d x, as [...output shape, ...input shape].
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html
 */
export function jacobian(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const leaf = x.detach().requiresGrad_();
  const output = f(leaf);
  const flat = output.reshape(-1);
  const rows = Array.from({ length: flat.numel() }, (_, i) => grad(flat.at(i), leaf, { retainGraph: true })[0]!);
  return stack(rows).reshape([...output.shape, ...x.shape]);
}

/** The second derivatives of a single-element result, as [...x.shape, ...x.shape]. */
export function hessian(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  return jacobian((leaf) => grad(f(leaf), leaf, { createGraph: true })[0]!, x);
}
