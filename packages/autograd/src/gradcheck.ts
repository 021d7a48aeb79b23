/** Recorded derivatives against slopes: how every row of the table, and functions of one's own, are tested. */
import { fail, isGradEnabled, noGrad, type Tensor, TensorError, zerosLike } from "@dl/tensor";
import { grad, listOf, type OneOrMore } from "./grad.ts";

export interface GradcheckOptions {
  /** Half the distance that slopes are taken over. Default 1e-6. */
  readonly eps?: number;
  /** Allowed error, absolute. Default 1e-5. */
  readonly atol?: number;
  /** Allowed error, relative to the slope. Default 1e-3. */
  readonly rtol?: number;
  /** With `false`, the result says whether all is well. Default true: an error says what is not. */
  readonly raiseException?: boolean;
}

type Fn = (...inputs: Tensor[]) => OneOrMore<Tensor>;

/**
 * Whether the gradients of `f` agree with central differences, element by element.
 * @param inputs float64 tensors; those that require grad are checked
 * @throws TensorError that names input, element, slope and gradient (unless `raiseException` is false)
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.html
 */
export function gradcheck(f: Fn, inputs: OneOrMore<Tensor>, options: GradcheckOptions = {}): boolean {
  const list = listOf(inputs);
  checkInputs(list);
  try {
    const outputs = listOf(f(...list));
    for (const [o, output] of outputs.entries()) if (output.isFloatingPoint()) compare(f, list, o, output, options);
    return true;
  } catch (error) {
    if (options.raiseException === false && error instanceof Disagreement) return false;
    throw error;
  }
}

/**
 * {@link gradcheck} of the gradients themselves.
 * @param gradOutputs where the first pass starts; drawn once if left out
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.gradgradcheck.html
 */
export function gradgradcheck(
  f: Fn,
  inputs: OneOrMore<Tensor>,
  gradOutputs: OneOrMore<Tensor> | null = null,
  options: GradcheckOptions = {},
): boolean {
  const list = listOf(inputs);
  const live = (outputs: OneOrMore<Tensor>): Tensor[] => listOf(outputs).filter(({ requiresGrad }) => requiresGrad);
  const cotangents = gradOutputs === null ? live(f(...list)).map(drawn) : listOf(gradOutputs);
  const slopes = (...all: Tensor[]): Tensor[] => {
    const xs = all.slice(0, list.length).map((x, i) => watchedAs(x, list[i]!));
    const wanted = xs.filter(({ requiresGrad }) => requiresGrad);
    return grad(live(f(...xs)), wanted, {
      gradOutputs: all.slice(list.length),
      createGraph: isGradEnabled(),
      materializeGrads: true,
    });
  };
  return gradcheck(slopes, [...list, ...cotangents], options);
}

class Disagreement extends TensorError {}

/** Slopes are taken without recording; there the inputs still have to be watched, for the first derivative. */
function watchedAs(x: Tensor, like: Tensor): Tensor {
  return isGradEnabled() || !like.requiresGrad ? x : x.detach().requiresGrad_();
}

function drawn(output: Tensor): Tensor {
  const v = zerosLike(output);
  fillFlat(v, (i) => 0.5 + ((i * 7) % 11) / 11);
  return v.requiresGrad_();
}

function checkInputs(inputs: readonly Tensor[]): void {
  const checked = inputs.filter(({ requiresGrad }) => requiresGrad);
  if (checked.length === 0) fail("gradcheck", "none of the inputs requires grad");
  const narrow = checked.find(({ dtype }) => dtype !== "float64");
  if (narrow)
    fail("gradcheck", `slopes need float64, got ${narrow.dtype}`, 'Make the inputs with { dtype: "float64" }');
}

function compare(f: Fn, inputs: readonly Tensor[], o: number, output: Tensor, options: GradcheckOptions): void {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = options;
  const rows = jacobianRows(output, inputs);
  const evaluate = (xs: readonly Tensor[]): number[] => numbers(listOf(f(...xs))[o]!);
  for (const [i, input] of inputs.entries()) {
    if (!input.requiresGrad) continue;
    for (let k = 0; k < input.numel(); k++) {
      const moved = (by: number): number[] =>
        noGrad(() => evaluate(inputs.map((x, j) => (j === i ? nudged(x, k, by) : x))) as never) as number[];
      const [up, down] = [moved(eps), moved(-eps)];
      for (const [j, row] of rows.entries()) {
        const [slope, gradient] = [(up[j]! - down[j]!) / (2 * eps), row[i]![k]!];
        if (Math.abs(slope - gradient) <= atol + rtol * Math.abs(slope)) continue;
        throw new Disagreement(
          `gradcheck: element ${k} of input ${i}, element ${j} of output ${o}: the slope is ${slope}, the gradient ${gradient}`,
        );
      }
    }
  }
}

/** For each element of `output`, the gradients of all inputs as numbers. */
function jacobianRows(output: Tensor, inputs: readonly Tensor[]): (readonly number[])[][] {
  const wanted = inputs.filter(({ requiresGrad }) => requiresGrad);
  return Array.from({ length: output.numel() }, (_, j) => {
    const none = (x: Tensor): number[] => new Array<number>(x.numel()).fill(0);
    if (!output.requiresGrad) return inputs.map(none);
    const gradOutputs = zerosLike(output);
    fillFlat(gradOutputs, (at) => Number(at === j));
    const grads = grad(output, wanted, { gradOutputs, retainGraph: true, materializeGrads: true });
    return inputs.map((x) => (x.requiresGrad ? numbers(grads[wanted.indexOf(x)]!) : none(x)));
  });
}

function numbers(x: Tensor): number[] {
  return x.detach().reshape(-1).toArray() as number[];
}

function nudged(x: Tensor, k: number, by: number): Tensor {
  const copy = x.detach().clone();
  copy.view(-1).narrow(0, k, 1).add_(by);
  return copy;
}

function fillFlat(x: Tensor, value: (i: number) => number): void {
  const flat = x.view(-1);
  for (let i = 0; i < x.numel(); i++) flat.narrow(0, i, 1).fill_(value(i));
}
