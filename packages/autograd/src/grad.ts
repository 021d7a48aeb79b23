/** Gradients as values, instead of in `.grad`. */
import { type Arguments, fail, readArguments, type Tensor, zerosLike } from "@dl/tensor";
import { needNode, nodesTo, run } from "./backward.ts";
import type { Capture } from "./engine.ts";
import { slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";

export interface GradOptions {
  /** Gradients of the outputs, in their order; `null` or left out for a single element. */
  readonly gradOutputs?: Tensor | readonly (Tensor | null)[] | undefined;
  /** Keep what the graph saved, so that it can be passed again. Default: as `createGraph`. */
  readonly retainGraph?: boolean | undefined;
  /** Record the pass, so that the gradients can be differentiated. */
  readonly createGraph?: boolean | undefined;
  /** Give `null` for inputs that the outputs do not depend on, instead of an error. */
  readonly allowUnused?: boolean | undefined;
  /** Give zeros for them. */
  readonly materializeGrads?: boolean | undefined;
}

const names = ["gradOutputs", "retainGraph", "createGraph", "onlyInputs", "allowUnused", "materializeGrads"] as const;

/** {@link GradOptions} by position; `onlyInputs` is for PyTorch's callers. */
export type GradArguments = [
  gradOutputs?: Tensor | readonly (Tensor | null)[] | null,
  retainGraph?: boolean | null,
  createGraph?: boolean,
  onlyInputs?: boolean,
  allowUnused?: boolean | null,
  materializeGrads?: boolean,
];

export type OneOrMore<T> = T | readonly T[];

export function listOf<T>(value: OneOrMore<T>): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

/**
 * The gradients of the sum of `outputs` for each of `inputs`, without touching any `.grad`.
 * @throws TensorError when an input requires no grad, or is not used (see `allowUnused`)
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.grad.html
 * @example
 * const x = floatTensor([1, 2], { requiresGrad: true });
 * const [dx] = grad(x.square().sum(), x);
 * dx!; // tensor([2., 4.])
 */
export function grad(
  outputs: OneOrMore<Tensor>,
  inputs: OneOrMore<Tensor>,
  options: GradOptions & { readonly allowUnused: false },
): Tensor[];
export function grad(
  outputs: OneOrMore<Tensor>,
  inputs: OneOrMore<Tensor>,
  options: GradOptions & { readonly allowUnused: boolean; readonly materializeGrads?: false | undefined },
): (Tensor | null)[];
export function grad(
  outputs: OneOrMore<Tensor>,
  inputs: OneOrMore<Tensor>,
  ...args: Arguments<typeof names, GradArguments>
): Tensor[];
export function grad(
  outputs: OneOrMore<Tensor>,
  inputs: OneOrMore<Tensor>,
  ...args: readonly unknown[]
): (Tensor | null)[] {
  const [gradOutputs, retain, createGraph = false, , allowUnused, materializeGrads] = readArguments<GradArguments>(
    { name: "grad", names },
    args,
  );
  const retainGraph = retain ?? createGraph;
  const [roots, wanted] = [listOf(outputs), listOf(inputs)];
  const found: (Tensor | null)[] = wanted.map(() => null);
  const captures = new Map<Node, Capture[]>();
  for (const [i, input] of wanted.entries()) {
    const node = needNode("grad", input);
    const take = (g: Tensor): void => void (found[i] = g);
    captures.set(node, [...(captures.get(node) ?? []), { slot: slotOf(input), take }]);
  }
  const needed = nodesTo(roots, new Set(captures.keys()));
  run("grad", roots, listOf(gradOutputs ?? []), { createGraph, retainGraph, accumulate: false, needed, captures });
  return found.map((g, i) => g ?? unused(i, wanted[i]!, { allowUnused: allowUnused ?? false, materializeGrads }));
}

function unused(index: number, input: Tensor, { allowUnused, materializeGrads }: GradOptions): Tensor | null {
  if (materializeGrads) return zerosLike(input);
  if (allowUnused) return null;
  return fail("grad", `the outputs do not depend on input ${index}`, "Give { allowUnused: true } for null there");
}
