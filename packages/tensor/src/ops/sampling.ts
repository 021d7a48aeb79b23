/** Random draws beyond uniform and normal. */
import { fail, showShape } from "../errors.ts";
import { type Generator, type RandomOptions, rand, randint, randLike, randn } from "../random.ts";
import { tidy } from "../scope.ts";
import { broadcastShapes, type Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { extremes } from "./extremes.ts";
import { searchsorted } from "./searching.ts";
import { composite, isOptions } from "./signature.ts";

/** Whole numbers in [low, high) in the shape and dtype of `input`; one bound counts from 0. */
export function randintLike(
  input: Tensor,
  ...args:
    | readonly [high: number, options?: RandomOptions]
    | readonly [low: number, high: number, options?: RandomOptions]
): Tensor {
  const numbers = args.filter((arg) => typeof arg === "number");
  const options = (args.find((arg) => isOptions(arg)) ?? {}) as RandomOptions;
  const [low, high] = numbers.length === 1 ? [0, numbers[0]!] : [numbers[0]!, numbers[1]!];
  return randint(low, high, input.shape, { dtype: input.dtype, device: input.device, ...options });
}

/**
 * 1 with the probability each element gives, else 0.
 * @see https://pytorch.org/docs/stable/generated/torch.bernoulli.html
 * @example
 * bernoulli(floatTensor([0, 1])); // tensor([0., 1.])
 */
export const bernoulli = composite(
  "bernoulli(input, p?, generator?)",
  (input: Tensor, p?: number | null, generator?: Generator): Tensor => {
    if (!input.isFloatingPoint() && p == null) fail("bernoulli", `needs a float dtype, got ${input.dtype}`);
    checkProbabilities(p ?? input);
    return randLike(input, { dtype: "float32", generator })
      .lt(p ?? input.detach().to("float32"))
      .to(input.dtype);
  },
);

/** @throws TensorError for what is no probability; elements are looked at where they are near */
function checkProbabilities(p: Tensor | number): void {
  if (p instanceof Tensor && (!p.backend.hostMemory || p.numel() === 0)) return;
  const [low, high] = p instanceof Tensor ? (extremes(p.detach()).map(Number) as [number, number]) : [p, p];
  if (!(low >= 0 && high <= 1)) fail("bernoulli", `needs probabilities from 0 to 1, got ${low >= 0 ? high : low}`);
}

/** Normal numbers; mean and standard deviation may be tensors, which broadcast, or numbers with a size. @see https://pytorch.org/docs/stable/generated/torch.normal.html */
export function normal(
  mean: Tensor | number,
  std: Tensor | number = 1,
  ...rest: readonly [size?: Shape, options?: RandomOptions] | readonly [options: RandomOptions]
): Tensor {
  const [size, options] = isOptions(rest[0])
    ? [undefined, rest[0] as RandomOptions]
    : [rest[0] as Shape | undefined, rest[1]];
  const lead = mean instanceof Tensor ? mean : std instanceof Tensor ? std : undefined;
  if (!lead && !size) fail("normal", "needs a tensor or a size, got two numbers");
  const shapes = [mean, std].map((value) => (value instanceof Tensor ? value.shape : []));
  const shape = size ?? broadcastShapes("normal", shapes[0]!, shapes[1]!);
  return tidy(() => {
    const draws = randn(shape, { ...(lead && { dtype: lead.dtype, device: lead.device }), ...options });
    return draws.mul(detached(std)).add(detached(mean));
  });
}

function detached(value: Tensor | number): Tensor | number {
  return value instanceof Tensor ? value.detach() : value;
}

/**
 * Positions drawn from each row of weights, [rows, numSamples].
 * @throws TensorError when a row has fewer non-zero weights than draws without replacement
 * @see https://pytorch.org/docs/stable/generated/torch.multinomial.html
 * @example
 * multinomial(floatTensor([0, 1, 0]), 3, true); // tensor([1, 1, 1])
 */
export const multinomial = composite(
  "multinomial(input, numSamples, replacement?, generator?)",
  (input: Tensor, numSamples: number, replacement: boolean = false, generator?: Generator): Tensor => {
    const size = input.shape.at(-1) ?? 0;
    if (input.ndim < 1 || input.ndim > 2 || !input.isFloatingPoint()) {
      fail("multinomial", `needs float weights of 1 or 2 dimensions, got ${input.dtype} of ${showShape(input.shape)}`);
    }
    if (numSamples < 1 || (!replacement && numSamples > size)) {
      fail("multinomial", `cannot draw ${numSamples} of ${size} without replacement`, "Give { replacement: true }");
    }
    // Sums and draws in 16 bits would be too coarse: a draw could become 1.
    const weights = input.detach().to(input.dtype === "float64" ? "float64" : "float32");
    checkWeights(weights, replacement ? 1 : numSamples);
    return (replacement ? withReplacement : without)(weights, numSamples, generator);
  },
);

/** @throws TensorError for weights that are negative or not finite, or rows with too few above zero */
function checkWeights(weights: Tensor, least: number): void {
  if (weights.numel() === 0) return;
  const largest = weights.amax(-1);
  const isValid = weights.amin().item() >= 0 && largest.amax().item() < Number.POSITIVE_INFINITY;
  if (!isValid) fail("multinomial", "weights must be finite and not negative");
  const above = least === 1 ? largest.gt(0).to("int64") : weights.gt(0).sum(-1);
  const fewest = above.amin().item();
  if (fewest < least) fail("multinomial", `a row has ${fewest} weights above zero, and ${least} are drawn`);
}

/** The first position whose cumulative weight exceeds a uniform draw. */
function withReplacement(weights: Tensor, count: number, generator: Generator | undefined): Tensor {
  const { shape, device } = weights;
  const sums = weights.cumsum(-1);
  const draws = rand([...shape.slice(0, -1), count], { dtype: "float32", device, generator });
  const total = sums.narrow(-1, shape.at(-1)! - 1, 1);
  return searchsorted(sums, draws.to(weights.dtype).mul(total), { right: true });
}

/** The largest weights, each divided by an exponential draw (Efraimidis and Spirakis). */
function without(weights: Tensor, count: number, generator: Generator | undefined): Tensor {
  const draws = randLike(weights, { dtype: "float32", generator }).neg().log1p().neg().to(weights.dtype);
  return weights.div(draws).topk(count, -1).indices;
}
