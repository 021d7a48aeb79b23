/** Mean 0 and variance 1 over batches, layers, groups or instances, then scaled and shifted. */
import { applyAll, composite, fail, noGrad, type Shape, sameShape, scope, showShape, type Tensor } from "@dl/tensor";
import { pad } from "./padding.ts";
import { avgPool2d, avgPool3d } from "./pooling.ts";

interface Moments {
  readonly mean: Tensor;
  /** Of the population, not of a sample. */
  readonly variance: Tensor;
}

function moments(input: Tensor, dims: readonly number[]): Moments {
  const mean = input.mean(dims, true);
  return { mean, variance: input.sub(mean).square().mean(dims, true) };
}

function standardize(input: Tensor, { mean, variance }: Moments, eps: number): Tensor {
  return input.sub(mean).mul(variance.add(eps).rsqrt());
}

/** Scales and shifts a result; both have shapes that broadcast to it. */
interface Affine {
  readonly weight: Tensor | null | undefined;
  readonly bias: Tensor | null | undefined;
}

function scaleAndShift(x: Tensor, { weight, bias }: Affine): Tensor {
  const scaled = weight ? x.mul(weight) : x;
  return bias ? scaled.add(bias) : scaled;
}

/**
 * `input`, seen as [outer, channels, inner], with mean 0 and variance 1 in each channel, then scaled and shifted; `run`
 * neighbours share a weight. `use` gets what the moments were.
 */
function normalize(
  input: Tensor,
  channels: Shape,
  eps: number,
  affine: Affine,
  run: number,
  use?: (own: Moments) => void,
): Tensor {
  const { weight, bias } = affine;
  const x = input.reshape(channels);
  if (!x.isFloatingPoint() || !x.backend.supports("standardize")) {
    const own = moments(x, [0, 2]);
    use?.(own);
    return scaleAndShift(standardize(x, own, eps).view(input.shape), affine);
  }
  const fits = weight?.dtype === x.dtype && (!bias || bias.dtype === x.dtype);
  const fused = fits ? [weight, ...(bias ? [bias] : [])] : [];
  const [values, found] = applyAll("standardize", [x, ...fused], { eps, run }) as [Tensor, Tensor];
  use?.({ mean: found.select(0, 0), variance: found.select(0, 1) });
  const result = values.view(input.shape);
  return fits ? result : scaleAndShift(result, affine);
}

/** [N, C, …] as [N, C, the rest]. */
function byChannel({ shape }: Tensor): [outer: number, channels: number, inner: number] {
  return [shape[0]!, shape[1]!, product(shape.slice(2))];
}

function product(sizes: Shape): number {
  return sizes.reduce((total, size) => total * size, 1);
}

/** Along the channels (dimension 1) of `like`. */
function perChannel(values: Tensor, like: Tensor): Tensor {
  return values.view(like.shape.map((_, dim) => (dim === 1 ? -1 : 1)));
}

function affineOf(weight: Tensor | null | undefined, bias: Tensor | null | undefined, like: Tensor): Affine {
  return { weight: weight && perChannel(weight, like), bias: bias && perChannel(bias, like) };
}

/** Moves a running value towards the one at hand. */
function track(running: Tensor, seen: Tensor, momentum: number): void {
  noGrad(() =>
    scope(
      () =>
        void running.mul_(1 - momentum).add_(seen.detach().view(running.shape).to(running.dtype), { alpha: momentum }),
    ),
  );
}

function trackMoments(running: Moments, { mean, variance }: Moments, count: number, momentum: number): void {
  track(running.mean, mean, momentum);
  noGrad(() => scope(() => track(running.variance, variance.detach().mul(count / Math.max(count - 1, 1)), momentum)));
}

function checkChannels(name: string, input: Tensor, given: readonly (Tensor | null | undefined)[]): void {
  const channels = input.shape[1];
  if (channels === undefined) fail(name, `needs [N, C, …], got ${showShape(input.shape)}`);
  for (const values of given) {
    if (values && values.numel() !== channels) {
      fail(name, `${values.numel()} features do not fit the ${channels} channels of ${showShape(input.shape)}`);
    }
  }
}

/**
 * Normalises each channel of [N, C, …] over everything else: by the batch's own moments in training, which also move
 * the running ones in place, else by the running ones.
 * @throws TensorError when channels differ, or in training when a channel has one value only
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 */
export const batchNorm = composite(
  "batchNorm(input, runningMean, runningVar, weight?, bias?, training?, momentum?, eps?)",
  (
    input: Tensor,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    weight?: Tensor | null,
    bias?: Tensor | null,
    training: boolean = false,
    momentum: number = 0.1,
    eps: number = 1e-5,
  ): Tensor => {
    if (input.ndim === 1 && input.numel() === 0) return input.clone();
    checkChannels("batchNorm", input, [runningMean, runningVar, weight, bias]);
    if (!training) {
      if (!runningMean || !runningVar) fail("batchNorm", "without training it needs running moments");
      const running = { mean: perChannel(runningMean, input), variance: perChannel(runningVar, input) };
      return scaleAndShift(standardize(input, running, eps), affineOf(weight, bias, input));
    }
    const count = input.numel() / input.shape[1]!;
    if (count === 1) fail("batchNorm", `training needs more than 1 value per channel, got ${showShape(input.shape)}`);
    const channels = byChannel(input);
    return normalize(input, channels, eps, affineOf(weight, bias, input), channels[2], (own) => {
      if (runningMean && runningVar) trackMoments({ mean: runningMean, variance: runningVar }, own, count, momentum);
    });
  },
  "NativeBatchNormBackward0",
);

/**
 * Normalises over the last dimensions, those of `normalizedShape`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
 * @example
 * F.layerNorm(floatTensor([[1, 2, 3]]), [3]); // tensor([[-1.2247, 0.0000, 1.2247]])
 */
export const layerNorm = composite(
  "layerNorm(input, normalizedShape, weight?, bias?, eps?)",
  (input: Tensor, normalizedShape: Shape, weight?: Tensor | null, bias?: Tensor | null, eps: number = 1e-5): Tensor => {
    const lead = input.ndim - normalizedShape.length;
    if (lead < 0 || normalizedShape.some((size, i) => size !== input.shape[lead + i])) {
      fail("layerNorm", `needs [*, ${normalizedShape.join(", ")}], got ${showShape(input.shape)}`);
    }
    for (const values of [weight, bias]) {
      if (!values || sameShape(values.shape, normalizedShape)) continue;
      fail("layerNorm", `weight and bias must be ${showShape(normalizedShape)}, got ${showShape(values.shape)}`);
    }
    const lines = [1, product(input.shape.slice(0, lead)), product(normalizedShape)];
    return normalize(input, lines, eps, { weight, bias }, 1);
  },
  "NativeLayerNormBackward0",
);

/** Normalises groups of channels of each sample. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html */
export const groupNorm = composite(
  "groupNorm(input, numGroups, weight?, bias?, eps?)",
  (input: Tensor, numGroups: number, weight?: Tensor | null, bias?: Tensor | null, eps: number = 1e-5): Tensor => {
    checkChannels("groupNorm", input, [weight, bias]);
    const [batch, channels] = input.shape as [number, number];
    if (channels % numGroups !== 0) fail("groupNorm", `${channels} channels do not divide into ${numGroups} groups`);
    const inner = product(input.shape.slice(2));
    const groups = [1, batch * numGroups, (channels / numGroups) * inner];
    return normalize(input, groups, eps, affineOf(weight, bias, input), inner);
  },
  "NativeGroupNormBackward0",
);

/**
 * Normalises each channel of each sample; running moments as in {@link batchNorm}, used where `useInputStats` is false.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.instance_norm.html
 */
export const instanceNorm = composite(
  "instanceNorm(input, runningMean?, runningVar?, weight?, bias?, useInputStats?, momentum?, eps?)",
  (
    input: Tensor,
    runningMean?: Tensor | null,
    runningVar?: Tensor | null,
    weight?: Tensor | null,
    bias?: Tensor | null,
    useInputStats: boolean = true,
    momentum: number = 0.1,
    eps: number = 1e-5,
  ): Tensor => {
    if (!useInputStats)
      return batchNorm(input, runningMean ?? null, runningVar ?? null, weight, bias, false, momentum, eps);
    checkChannels("instanceNorm", input, [runningMean, runningVar, weight, bias]);
    const [batch, channels, count] = byChannel(input);
    if (count === 1) fail("instanceNorm", `needs more than 1 spatial element, got ${showShape(input.shape)}`);
    const planes = [1, batch * channels, count];
    return normalize(input, planes, eps, affineOf(weight, bias, input), count, ({ mean, variance }) => {
      if (!runningMean || !runningVar) return;
      const overBatch = (moment: Tensor): Tensor => moment.detach().view(batch, channels).mean(0);
      const own = { mean: overBatch(mean), variance: overBatch(variance) };
      trackMoments({ mean: runningMean, variance: runningVar }, own, count, momentum);
    });
  },
);

/**
 * Divides by a power of the mean square of `size` neighbouring channels.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.local_response_norm.html
 */
export const localResponseNorm = composite(
  "localResponseNorm(input, size, alpha?, beta?, k?)",
  (input: Tensor, size: number, alpha: number = 1e-4, beta: number = 0.75, k: number = 1): Tensor => {
    if (input.ndim < 3)
      fail("localResponseNorm", `needs [N, C, …] of 3 or more dimensions, got ${showShape(input.shape)}`);
    const [batch, channels, first] = input.shape as [number, number, number];
    if (input.numel() === 0) return input;
    const squares = input.square().reshape(batch, 1, channels, first, -1);
    const padded = pad(squares, [0, 0, 0, 0, Math.floor(size / 2), Math.floor((size - 1) / 2)]);
    const means = input.ndim === 3 ? avgPool2d(padded.squeeze(-1), [size, 1], 1) : avgPool3d(padded, [size, 1, 1], 1);
    return input.div(means.reshape(input.shape).mul(alpha).add(k).pow(beta));
  },
);
