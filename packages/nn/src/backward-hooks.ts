/** Gradients on their way through a module. */
import { isTensor, type Tensor } from "@dl/tensor";

/** The gradients of the tensors among a call's arguments or results, in order; `null` where there is none. */
export type Gradients = readonly (Tensor | null)[];

/** Sees the gradients that reach a module's results and those it sends back; may replace the only one it sends back. */
export type BackwardHook<M> = (module: M, gradInput: Gradients, gradOutput: Gradients) => Tensor | undefined | void;

type Report = (gradInput: Gradients, gradOutput: Gradients) => Tensor | undefined;

/**
 * Calls `forward` on aliases of its inputs, so that their gradients are this call's alone, and `report` in each backward
 * pass when all of them are known.
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

function collect(inputs: readonly Tensor[], outputs: readonly Tensor[], report: Report): void {
  let gradInput: (Tensor | null)[] = inputs.map(() => null);
  let gradOutput: (Tensor | null)[] = outputs.map(() => null);
  const finish = (): Tensor | undefined => {
    const seen = [gradInput, gradOutput] as const;
    [gradInput, gradOutput] = [inputs.map(() => null), outputs.map(() => null)];
    return report(...seen);
  };
  const awaited = inputs.filter(({ requiresGrad }) => requiresGrad).length;
  observe(outputs, (i, gradient) => {
    gradOutput[i] = gradient;
    if (awaited === 0 && outputs.every((x, at) => !x.requiresGrad || gradOutput[at])) finish();
  });
  observe(inputs, (i, gradient) => {
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
