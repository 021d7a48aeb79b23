/** Functions with a derivative of their own. */
import { isFloat, isGradEnabled, isTensor, noGrad, Tensor } from "@dl/tensor";
import { Context, CustomNode, type Derivative } from "./custom-node.ts";

/** What forward hands to backward. Annotate it with a type of your own for more fields: `FunctionContext & { k: number }`. */
export interface FunctionContext {
  /** Keeps inputs or outputs for backward; they are checked for in-place changes there. */
  saveForBackward(...tensors: (Tensor | null)[]): void;
  /** The same tensors again, in backward. */
  readonly savedTensors: readonly Tensor[];
  /** For each argument, whether it requires grad; in backward, whether its gradient is asked for. */
  readonly needsInputGrad: readonly boolean[];
  /** Outputs that take no part in differentiation. Whole numbers and bools never do. */
  markNonDifferentiable(...outputs: Tensor[]): void;
  /** With `false`, gradients that never came are `null` instead of zeros. */
  setMaterializeGrads(value: boolean): void;
}

export interface FunctionSpec<
  A extends readonly unknown[],
  R extends Tensor | readonly Tensor[],
  C extends FunctionContext,
> {
  /** Named in `gradFn` and in errors. */
  readonly name?: string;
  /** Computes the outputs; nothing in it is recorded. It must not write into its arguments. */
  readonly forward: (context: C, ...args: A) => R;
  /**
   * From the gradients of the outputs to one for each argument, `null` for those without. Made of tensor functions, it
   * can itself be differentiated. What it is given and what it makes is freed when it returns, but for the result.
   */
  readonly backward: (context: C, ...grads: Tensor[]) => Tensor | null | readonly (Tensor | null)[];
  /** `backward` computes outside of tensor functions: differentiating it is an error instead of a wrong result. */
  readonly onceDifferentiable?: boolean;
}

/**
 * A function whose derivative is given, as `torch.autograd.Function`.
 * @throws TensorError in backward, when it does not give one gradient for each argument, of the argument's shape
 * @see https://pytorch.org/docs/stable/autograd.html#function
 * @example
 * const cube = customFunction({
 *   forward(context, x: Tensor) { context.saveForBackward(x); return x.pow(3); },
 *   backward({ savedTensors: [x] }, g) { return g.mul(x!.square().mul(3)); },
 * });
 */
export function customFunction<
  A extends readonly unknown[],
  R extends Tensor | readonly Tensor[],
  C extends FunctionContext = FunctionContext,
>(spec: FunctionSpec<A, R, C>): (...args: A) => R {
  return (...args) => {
    const context = new Context(args.map((arg) => isTensor(arg) && arg.requiresGrad));
    const made = noGrad(() => spec.forward(context as unknown as C, ...args) as never) as R;
    if (!isGradEnabled() || !context.needsInputGrad.includes(true)) return made;
    const list = (Array.isArray(made) ? made : [made]) as readonly Tensor[];
    const outputs = list.map((output) => ownHandle(output, args));
    const node = new CustomNode(spec as unknown as Derivative, context, args, outputs);
    for (const [i, output] of outputs.entries()) {
      if (isFloat(output.dtype) && !context.constants.has(list[i]!)) output.node = node;
    }
    return (Array.isArray(made) ? outputs : outputs[0]) as R;
  };
}

/** An argument that is returned, or a view of one, gets a history that is not the argument's. */
function ownHandle(output: Tensor, args: readonly unknown[]): Tensor {
  if (args.includes(output)) {
    return new Tensor(output.storage, output.shape, output.strides, output.offset, output.dtype);
  }
  output.base = null;
  return output;
}
