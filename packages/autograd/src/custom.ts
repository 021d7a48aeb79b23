/** Functions with a derivative of their own. */
import { type DType, fail, isFloat, isGradEnabled, isTensor, noGrad, type Shape, Tensor, zeros } from "@dl/tensor";
import { trace } from "./anomaly.ts";
import type { Gradient } from "./derivatives/rule.ts";
import { alias, edgeTo } from "./leaf.ts";
import { type Edge, Node, type Wanted } from "./node.ts";
import { failPassed, type Saved, save } from "./saved.ts";

/** What forward hands to backward. Annotate it with a type of your own for more fields: `FunctionContext & { k: number }`. */
export interface FunctionContext {
  /** Keeps inputs or outputs for backward; they are checked for in-place changes there. */
  saveForBackward(...tensors: (Tensor | null)[]): void;
  /** The same tensors again, in backward. */
  readonly savedTensors: readonly Tensor[];
  /** For each argument, whether its gradient is asked for. */
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
  /** Computes the outputs; nothing in it is recorded. */
  readonly forward: (context: C, ...args: A) => R;
  /**
   * From the gradients of the outputs to one for each argument, `null` for those without. Made of tensor functions, it
   * can itself be differentiated.
   */
  readonly backward: (context: C, ...grads: Tensor[]) => Tensor | null | readonly (Tensor | null)[];
}

/**
 * A function whose derivative is given, as `torch.autograd.Function`.
 * @throws TensorError in backward, when it does not give one gradient for each argument
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
    const needs = args.map((arg) => isTensor(arg) && arg.requiresGrad && isGradEnabled());
    const context = new Context(needs);
    const made = noGrad(() => spec.forward(context as unknown as C, ...args) as never) as R;
    if (!needs.includes(true)) return made;
    const outputs = (Array.isArray(made) ? made : [made]).map((output) => ownHandle(output, args));
    const node = new CustomNode(spec as never, context, args, outputs);
    for (const [i, output] of outputs.entries()) {
      if (!isFloat(output.dtype) || context.constants.has(output)) continue;
      output.node = node;
      output.outputIndex = i;
    }
    return (Array.isArray(made) ? outputs : outputs[0]) as R;
  };
}

/** An argument that is returned, or a view of one, gets a history that is not the argument's. */
function ownHandle(output: Tensor, args: readonly unknown[]): Tensor {
  if (!args.includes(output)) {
    output.base = null;
    return output;
  }
  return new Tensor(output.storage, output.shape, output.strides, output.offset, output.dtype);
}

class Context implements FunctionContext {
  needsInputGrad: readonly boolean[];
  savedTensors: readonly Tensor[] = [];
  materialize = true;
  readonly toSave: (Tensor | null)[] = [];
  readonly constants = new Set<Tensor>();

  constructor(needsInputGrad: readonly boolean[]) {
    this.needsInputGrad = needsInputGrad;
  }

  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.toSave.splice(0, this.toSave.length, ...tensors);
  }

  markNonDifferentiable(...outputs: Tensor[]): void {
    for (const output of outputs) this.constants.add(output);
  }

  setMaterializeGrads(value: boolean): void {
    this.materialize = value;
  }
}

type AnySpec = FunctionSpec<readonly unknown[], Tensor, FunctionContext>;

class CustomNode extends Node {
  override readonly edges: readonly (Edge | null)[];
  readonly name: string;
  readonly #spec: AnySpec;
  readonly #context: Context;
  readonly #outputs: readonly { readonly shape: Shape; readonly dtype: DType; readonly device: string }[];
  #saved: readonly (Saved | null)[] | null;

  constructor(spec: AnySpec, context: Context, args: readonly unknown[], outputs: readonly Tensor[]) {
    super();
    this.name = `${spec.name ?? "CustomFunction"}Backward`;
    this.#spec = spec;
    this.#context = context;
    this.#outputs = outputs.map(({ shape, dtype, device }) => ({ shape, dtype, device }));
    this.edges = args.map((arg) => (isTensor(arg) ? edgeTo(arg) : null));
    this.#saved = context.toSave.map((x) => x && save(x, x.storage.version, outputs.includes(x)));
    context.toSave.length = 0;
    this.number();
    this.trace = trace();
  }

  override backward(grads: readonly (Tensor | null)[], wanted: Wanted): Gradient[] {
    const context = this.#context;
    context.needsInputGrad = this.edges.map((edge) => edge !== null && wanted(edge));
    context.savedTensors = (this.#saved ?? failPassed(this.name)).map(
      (saved) => saved?.open(this.name, this) ?? null,
    ) as Tensor[];
    const full = this.#outputs.map((meta, i) => grads[i] ?? (context.materialize ? zeros(meta.shape, meta) : null));
    const given = this.#spec.backward(context, ...(full as Tensor[]));
    context.savedTensors = [];
    const results = (Array.isArray(given) ? given : [given]) as readonly (Tensor | null)[];
    if (results.length !== this.edges.length) {
      fail(
        this.name,
        `backward gave ${results.length} gradients for ${this.edges.length} arguments`,
        "Give null for those without",
      );
    }
    // The caller's own tensors must survive the pass.
    return results.map((result) => result && alias(result));
  }

  override release(): void {
    for (const saved of this.#saved ?? []) saved?.release();
    if (this.#saved && this.#saved.length > 0) this.#saved = null;
  }
}
