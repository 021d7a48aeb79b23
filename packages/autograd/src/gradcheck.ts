/** Recorded derivatives against slopes: how every row of the table, and functions of one's own, are tested. */
import { enableGrad, fail, type Tensor, TensorError, tidy, zeros } from "@dl/tensor";
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

/**
 * Whether the gradients of `f` agree with central differences, element by element.
 * @param f of its arguments alone, since it is called with copies; what it makes is freed after each call
 * @param inputs float64 tensors; those that require grad are checked
 * @throws TensorError that names input, element, slope and gradient (unless `raiseException` is false)
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.html
 */
export function gradcheck(
  f: (...inputs: Tensor[]) => OneOrMore<Tensor>,
  inputs: OneOrMore<Tensor>,
  options: GradcheckOptions = {},
): boolean {
  const list = listOf(inputs);
  checkInputs(list);
  try {
    enableGrad(() => tidy(() => compare(f, list, options)));
    return true;
  } catch (error) {
    if (options.raiseException === false && error instanceof Disagreement) return false;
    throw error;
  }
}

/**
 * {@link gradcheck} of the gradients themselves.
 * @param gradOutputs where the first pass starts, of the outputs that require grad; drawn once if left out
 * @throws TensorError that names input, element, slope and gradient (unless `raiseException` is false)
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.gradgradcheck.html
 */
export function gradgradcheck(
  f: (...inputs: Tensor[]) => OneOrMore<Tensor>,
  inputs: OneOrMore<Tensor>,
  gradOutputs: OneOrMore<Tensor> | null = null,
  options: GradcheckOptions = {},
): boolean {
  const list = listOf(inputs);
  checkInputs(list);
  const live = (xs: readonly Tensor[]): Tensor[] =>
    enableGrad(() => listOf(f(...xs)).filter(({ requiresGrad }) => requiresGrad) as never);
  const starts = gradOutputs === null ? live(list).map(drawn) : listOf(gradOutputs);
  const slopes = (...all: Tensor[]): Tensor[] => {
    const xs = all.slice(0, list.length);
    const wanted = xs.filter(({ requiresGrad }) => requiresGrad);
    const gradients = all.slice(list.length);
    return grad(live(xs), wanted, { gradOutputs: gradients, createGraph: true, materializeGrads: true });
  };
  return gradcheck(slopes, [...list, ...starts], options);
}

type Fn = (...inputs: Tensor[]) => OneOrMore<Tensor>;

class Disagreement extends TensorError {}

/** Different for every element, so that mixed-up elements show. */
function drawn(output: Tensor): Tensor {
  const flat = zeros([output.numel()], { dtype: output.dtype, device: output.device });
  for (let i = 0; i < flat.numel(); i++) flat.narrow(0, i, 1).fill_(0.5 + ((i * 7) % 11) / 11);
  return flat.view(output.shape).detach().requiresGrad_();
}

function checkInputs(inputs: readonly Tensor[]): void {
  const checked = inputs.filter(({ requiresGrad }) => requiresGrad);
  if (checked.length === 0) fail("gradcheck", "none of the inputs requires grad", "Call requiresGrad_() on some");
  const narrow = checked.find(({ dtype }) => dtype !== "float64");
  if (narrow)
    fail("gradcheck", `slopes need float64, got ${narrow.dtype}`, 'Make the inputs with { dtype: "float64" }');
}

function compare(f: Fn, inputs: readonly Tensor[], options: GradcheckOptions): void {
  const outputs = listOf(f(...inputs));
  const table = outputs.map((output) => (output.isFloatingPoint() ? gradientsOf(output, inputs) : []));
  for (const [i, input] of inputs.entries()) {
    if (!input.requiresGrad) continue;
    for (let k = 0; k < input.numel(); k++) compareElement(table, slopesOf(f, inputs, i, k, options), i, k, options);
  }
}

/** By output and its element, the gradients of all inputs as numbers. */
type Table = readonly (readonly (readonly number[])[])[][];

function compareElement(
  table: Table,
  slopes: readonly (readonly number[])[],
  i: number,
  k: number,
  { atol = 1e-5, rtol = 1e-3 }: GradcheckOptions,
): void {
  for (const [o, rows] of table.entries()) {
    for (const [j, row] of rows.entries()) {
      const [slope, gradient] = [slopes[o]![j]!, row[i]![k]!];
      if (Math.abs(slope - gradient) <= atol + rtol * Math.abs(slope)) continue;
      const where = `element ${k} of input ${i}, element ${j} of output ${o}`;
      throw new Disagreement(`gradcheck: ${where}: the slope is ${slope}, the gradient ${gradient}`);
    }
  }
}

/** By output and its element, how fast it changes with element `k` of input `i`. */
function slopesOf(
  f: Fn,
  inputs: readonly Tensor[],
  i: number,
  k: number,
  { eps = 1e-6 }: GradcheckOptions,
): number[][] {
  const moved = (by: number): number[][] =>
    tidy(() => listOf(f(...inputs.map((x, at) => (at === i ? nudged(x, k, by) : x)))).map(numbers));
  const [up, down] = [moved(eps), moved(-eps)];
  return up.map((values, o) => values.map((value, j) => (value - down[o]![j]!) / (2 * eps)));
}

function gradientsOf(output: Tensor, inputs: readonly Tensor[]): (readonly number[])[][] {
  const wanted = inputs.filter(({ requiresGrad }) => requiresGrad);
  const none = (x: Tensor): number[] => new Array<number>(x.numel()).fill(0);
  return Array.from({ length: output.numel() }, (_, j) => {
    if (!output.requiresGrad) return inputs.map(none);
    const flat = zeros([output.numel()], { dtype: output.dtype, device: output.device });
    flat.narrow(0, j, 1).fill_(1);
    const grads = grad(output, wanted, {
      gradOutputs: flat.view(output.shape),
      retainGraph: true,
      materializeGrads: true,
    });
    return inputs.map((x) => (x.requiresGrad ? numbers(grads[wanted.indexOf(x)]!) : none(x)));
  });
}

function numbers(x: Tensor): number[] {
  return x.detach().reshape(-1).toArray() as number[];
}

/** A leaf of its own, with element `k` moved. */
function nudged(x: Tensor, k: number, by: number): Tensor {
  const flat = x.detach().reshape(-1).clone();
  flat.narrow(0, k, 1).add_(by);
  return flat.view(x.shape).detach().requiresGrad_();
}
