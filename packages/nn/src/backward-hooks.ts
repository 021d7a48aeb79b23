/** Gradients on their way through a module. */
import { fail, isTensor, needRecorder, type Tensor } from "@dl/tensor";

/** The gradients of the tensors among a call's arguments or results, in order; `null` where there is none. */
export type Gradients = readonly (Tensor | null)[];

/** Sees the gradients that reach a module's results and those it sends back; may replace the only one it sends back. */
export type BackwardHook<M> = (
  module: M,
  gradInput: Gradients,
  gradOutput: Gradients,
) => Tensor | Gradients | undefined | void;

/** What a hook returned, for the only gradient that it may replace. @throws TensorError for anything else */
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
 * Calls `forward` on aliases of its inputs, so that their gradients are this call's alone, and `report` in each backward
 * pass when all of them are known; `null` stands for those that it does not reach.
 */
export function watchGradients(
  args: readonly unknown[],
  forward: (args: readonly unknown[]) => unknown,
  report: Report,
): unknown {
  const inputs = args.map(alias);
  const result = forward(inputs);
  // What comes out as it came in is two things to see.
  const output = inputs.includes(result) ? alias(result) : result;
  collect(inputs.filter(isTensor), [output].flat(3).filter(isTensor), report);
  return output;
}

function alias(value: unknown): unknown {
  return isTensor(value) && value.requiresGrad ? value.view(value.shape) : value;
}

/** Of results and arguments that the pass does not reach nothing is heard: its end ends the wait for them. */
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
