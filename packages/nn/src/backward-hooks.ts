/** The backward hooks of modules, which see the gradients on their way through a call. */
import { fail, isTensor, needRecorder, type Tensor } from "@dl/tensor";

/** The gradients of the tensors among a call's arguments or results, in order; `null` where there is none. */
export type Gradients = readonly (Tensor | null)[];

/** Sees the gradients that reach a module's results and those it sends back; may replace the only one it sends back. */
export type BackwardHook<M> = (
  module: M,
  gradInput: Gradients,
  gradOutput: Gradients,
) => Tensor | Gradients | undefined | void;

/**
 * The gradient that a hook returned to replace the only gradient of the arguments. @throws TensorError for anything
 * else
 */
export function replacement(returned: unknown, gradInput: Gradients): Tensor | undefined {
  if (returned == null) return undefined;
  const op = "registerFullBackwardHook";
  const known = gradInput.filter(Boolean).length;
  if (known !== 1) {
    fail(op, `a hook returned gradients where ${known} arguments have some`, "Use registerHook of the arguments");
  }
  const gradient = Array.isArray(returned) ? returned[gradInput.findIndex(Boolean)] : returned;
  if (isTensor(gradient)) return gradient;
  return fail(op, `a hook returned a ${typeof gradient}`, "Return a tensor, a list with one in its place, or nothing");
}

type Report = (gradInput: Gradients, gradOutput: Gradients) => Tensor | undefined;

/**
 * Calls `forward` with aliases of its arguments, whose gradients come from this call alone. In each backward pass
 * `report` is called once all gradients are known; those that the pass does not reach are `null`.
 */
export function watchGradients(
  args: readonly unknown[],
  forward: (args: readonly unknown[]) => unknown,
  report: Report,
): unknown {
  const inputs = args.map(alias);
  const result = forward(inputs);
  // A result that is an argument itself gets an alias, since it has two gradients: as a result and as an argument.
  const output = inputs.includes(result) ? alias(result) : result;
  collect(inputs.filter(isTensor), [output].flat(3).filter(isTensor), report);
  return output;
}

function alias(value: unknown): unknown {
  return isTensor(value) && value.requiresGrad ? value.view(value.shape) : value;
}

/**
 * Collects the gradients of a pass and reports them when all have arrived. Results and arguments that the pass does not
 * reach get none, so at the latest the end of the pass ends the collection.
 */
function collect(inputs: readonly Tensor[], outputs: readonly Tensor[], report: Report): void {
  let seen: readonly [gradInput: (Tensor | null)[], gradOutput: (Tensor | null)[]] | null = null;
  const finish = (): Tensor | undefined => {
    const gradients = seen;
    seen = null;
    return gradients ? report(...gradients) : undefined;
  };
  const begin = (): NonNullable<typeof seen> => {
    needRecorder("registerFullBackwardHook").afterPass(finish);
    return [inputs.map(() => null), outputs.map(() => null)];
  };
  const awaited = inputs.filter(({ requiresGrad }) => requiresGrad).length;
  observe(outputs, (i, gradient) => {
    const [, gradOutput] = (seen ??= begin());
    gradOutput[i] = gradient;
    if (awaited === 0 && outputs.every((x, at) => !x.requiresGrad || gradOutput[at])) finish();
  });
  observe(inputs, (i, gradient) => {
    const [gradInput] = (seen ??= begin());
    gradInput[i] = gradient;
    const changed = gradInput.filter(Boolean).length === awaited ? finish() : undefined;
    return awaited === 1 ? changed : undefined;
  });
}

function observe(tensors: readonly Tensor[], see: (i: number, gradient: Tensor) => Tensor | undefined | void): void {
  tensors.forEach((x, i) => {
    if (x.requiresGrad) x.registerHook((gradient) => see(i, gradient));
  });
}
