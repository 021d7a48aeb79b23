/** Tensors filled with random numbers, in place. Whole numbers take what float32 draws, cut to their dtype. */
import { isFloat } from "../dtype.ts";
import { fail } from "../errors.ts";
import { type Generator, type RandomOptions, rand, randint, randn } from "../random.ts";
import { tidy } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { applyInPlace } from "./apply.ts";
import { bernoulli } from "./sampling.ts";
import { op } from "./signature.ts";

type Draw = (options: RandomOptions) => Tensor;

/** Writes what `draw` makes in the tensor's shape. */
function redrawn(input: Tensor, generator: Generator | undefined, draw: Draw): Tensor {
  return tidy(() => {
    const dtype = isFloat(input.dtype) ? input.dtype : "float32";
    const drawn = draw({ dtype, device: input.device, generator });
    return applyInPlace("copy", [drawn.to(input.dtype)], input);
  });
}

function needFloat(name: string, { dtype }: Tensor): void {
  if (!isFloat(dtype)) fail(name, `needs a float dtype, got ${dtype}`, 'Cast with .to("float32")');
}

/** Uniform numbers in [from, to). @see https://pytorch.org/docs/stable/generated/torch.Tensor.uniform_.html */
export const uniform_ = op(
  "uniform_(input, from?, to?, generator?)",
  (input: Tensor, from: number = 0, to: number = 1, generator?: Generator): Tensor => {
    needFloat("uniform_", input);
    if (!(from <= to)) fail("uniform_", `needs from ≤ to, got ${from} and ${to}`);
    return redrawn(input, generator, (options) =>
      rand(input.shape, options)
        .mul(to - from)
        .add(from),
    );
  },
);

/** Normal numbers. @see https://pytorch.org/docs/stable/generated/torch.Tensor.normal_.html */
export const normal_ = op(
  "normal_(input, mean?, std?, generator?)",
  (input: Tensor, mean: number = 0, std: number = 1, generator?: Generator): Tensor => {
    needFloat("normal_", input);
    if (!(std >= 0)) fail("normal_", `needs std ≥ 0, got ${std}`);
    return redrawn(input, generator, (options) => randn(input.shape, options).mul(std).add(mean));
  },
);

/** e to normal numbers of that mean and deviation. @see https://pytorch.org/docs/stable/generated/torch.Tensor.log_normal_.html */
export const logNormal_ = op(
  "logNormal_(input, mean?, std?, generator?)",
  (input: Tensor, mean: number = 1, std: number = 2, generator?: Generator): Tensor => {
    needFloat("logNormal_", input);
    if (!(std > 0)) fail("logNormal_", `needs std > 0, got ${std}`);
    return redrawn(input, generator, (options) => randn(input.shape, options).mul(std).add(mean).exp());
  },
);

/** Exponential numbers of rate `lambd`. @see https://pytorch.org/docs/stable/generated/torch.Tensor.exponential_.html */
export const exponential_ = op(
  "exponential_(input, lambd?, generator?)",
  (input: Tensor, lambd: number = 1, generator?: Generator): Tensor => {
    needFloat("exponential_", input);
    if (!(lambd > 0)) fail("exponential_", `needs lambd > 0, got ${lambd}`);
    return redrawn(input, generator, (options) => rand(input.shape, options).neg().log1p().div(-lambd));
  },
);

/** Cauchy's distribution. @see https://pytorch.org/docs/stable/generated/torch.Tensor.cauchy_.html */
export const cauchy_ = op(
  "cauchy_(input, median?, sigma?, generator?)",
  (input: Tensor, median: number = 0, sigma: number = 1, generator?: Generator): Tensor => {
    needFloat("cauchy_", input);
    if (!(sigma > 0)) fail("cauchy_", `needs sigma > 0, got ${sigma}`);
    return redrawn(input, generator, (options) =>
      rand(input.shape, options).sub(0.5).mul(Math.PI).tan().mul(sigma).add(median),
    );
  },
);

/** How many trials until one of probability `p` succeeds. @see https://pytorch.org/docs/stable/generated/torch.Tensor.geometric_.html */
export const geometric_ = op(
  "geometric_(input, p, generator?)",
  (input: Tensor, p: number, generator?: Generator): Tensor => {
    if (!(p > 0 && p < 1)) fail("geometric_", `needs 0 < p < 1, got ${p}`);
    return redrawn(input, generator, (options) =>
      rand(input.shape, options).neg().log1p().div(Math.log1p(-p)).ceil().clamp(1),
    );
  },
);

/** 1 with probability `p` (or that of each element of a tensor), else 0. @see https://pytorch.org/docs/stable/generated/torch.Tensor.bernoulli_.html */
export const bernoulli_ = op(
  "bernoulli_(input, p?, generator?)",
  (input: Tensor, p: number | Tensor = 0.5, generator?: Generator): Tensor => {
    if (p instanceof Tensor) return redrawn(input, generator, () => bernoulli(p.expand(input.shape), null, generator));
    if (!(p >= 0 && p <= 1)) fail("bernoulli_", `needs 0 ≤ p ≤ 1, got ${p}`);
    return redrawn(input, generator, (options) => rand(input.shape, options).lt(p));
  },
);

/** The numbers up to which every whole number has a place of its own. */
const exact: Readonly<Record<string, number>> = {
  float32: 2 ** 24,
  float64: 2 ** 53,
  float16: 2 ** 11,
  bfloat16: 2 ** 8,
  int64: 2 ** 53,
  int32: 2 ** 31,
  int16: 2 ** 15,
  int8: 2 ** 7,
  uint8: 2 ** 8,
  bool: 2,
};

/**
 * Whole numbers in [from, to): `random_(to)`, `random_(from, to)`, or all that the dtype holds exactly.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.random_.html
 */
export function random_(
  input: Tensor,
  ...bounds: readonly [to?: number] | readonly [from: number, to: number]
): Tensor {
  const [from, to] = bounds.length === 2 ? bounds : [0, bounds[0] ?? exact[input.dtype]!];
  if (!(from < to)) fail("random_", `needs from < to, got ${from} and ${to}`);
  // Of float32's 2²⁴ numbers as many fall to each of so many as a power of two; farther from 0 it has no room for them.
  const isEven = 2 ** 24 % (to - from) === 0 && -(2 ** 24) <= from && to <= 2 ** 24;
  return redrawn(input, undefined, ({ device }) =>
    isEven
      ? rand(input.shape, { dtype: "float32", device })
          .mul(to - from)
          .floor()
          .add(from)
      : randint(from, to, input.shape, { device }),
  );
}
