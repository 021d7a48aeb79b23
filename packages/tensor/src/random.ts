/**
 * Random numbers from one counter-based generator (Philox-4x32-10): a seed and an offset give the same numbers on every
 * device. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
 */
import type { DType } from "./dtype.ts";
import { isFloat } from "./dtype.ts";
import { fail } from "./errors.ts";
import { apply, applyAll } from "./ops/apply.ts";
import { fromArray, parseSizes, type SizesAndOptions, type TensorOptions } from "./ops/creation.ts";
import { getBackend } from "./registry.ts";
import { tidy } from "./scope.ts";
import { checkShape, type Shape, sizeOf } from "./shape.ts";
import { state } from "./state.ts";
import type { Tensor } from "./tensor.ts";

/** A seed, and how many blocks of random words were taken since. */
export interface GeneratorState {
  readonly seed: readonly [number, number];
  /** Blocks of four 32-bit words drawn so far. */
  readonly offset: number;
}

/** A stream of random numbers of its own. @see https://pytorch.org/docs/stable/generated/torch.Generator.html */
export class Generator {
  #seed: readonly [number, number] = [0, 0];
  #offset = 0;

  /** Starts the stream of `seed`, a whole number below 2⁵³. */
  manualSeed(seed: number): this {
    if (!Number.isSafeInteger(seed)) fail("manualSeed", `the seed must be a whole number, got ${seed}`);
    this.#seed = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#offset = 0;
    return this;
  }

  /** What {@link setState} takes to go on from here. @see https://pytorch.org/docs/stable/generated/torch.get_rng_state.html */
  getState(): GeneratorState {
    return { seed: this.#seed, offset: this.#offset };
  }

  /** Goes on from a state that was kept. */
  setState({ seed, offset }: GeneratorState): this {
    this.#seed = seed;
    this.#offset = offset;
    return this;
  }

  /** @internal Sets aside blocks for `words` 32-bit words; the seed and the first block. */
  take(words: number): GeneratorState {
    const taken = this.getState();
    this.#offset += Math.ceil(words / 4);
    return taken;
  }
}

/** The generator that everything random uses unless given another. */
export const defaultGenerator: Generator = new Generator().manualSeed(Math.floor(Math.random() * 2 ** 32));

/**
 * Seeds the default generator.
 * @see https://pytorch.org/docs/stable/generated/torch.manual_seed.html
 * @example
 * manualSeed(0);
 * const first = rand(2);
 * manualSeed(0);
 * rand(2).equal(first); // true
 */
export function manualSeed(seed: number): Generator {
  return defaultGenerator.manualSeed(seed);
}

export interface RandomOptions<D extends DType = DType> extends TensorOptions<D> {
  readonly generator?: Generator | undefined;
}

function draw<D extends DType>(distribution: "uniform" | "normal", shape: Shape, options: RandomOptions<D>): Tensor<D> {
  const dtype = options.dtype ?? state.defaultDType;
  if (!isFloat(dtype)) fail(distribution === "normal" ? "randn" : "rand", `needs a float dtype, got ${dtype}`);
  const words = sizeOf(shape) * (dtype === "float64" ? 2 : 1);
  const { seed, offset } = (options.generator ?? defaultGenerator).take(distribution === "normal" ? words + 4 : words);
  const [made] = applyAll("random", [], { shape, dtype, distribution, seed, offset }, options.device);
  if (options.requiresGrad) made!.requiresGrad = true;
  return made as Tensor<D>;
}

/** Uniform in [0, 1). @see https://pytorch.org/docs/stable/generated/torch.rand.html */
export function rand<D extends DType = "float32">(...args: SizesAndOptions<D, RandomOptions<D>>): Tensor<NoInfer<D>> {
  const [shape, options] = parseSizes<D, RandomOptions<D>>("rand", args);
  return draw("uniform", shape, options);
}

/** Normal with mean 0 and variance 1. @see https://pytorch.org/docs/stable/generated/torch.randn.html */
export function randn<D extends DType = "float32">(...args: SizesAndOptions<D, RandomOptions<D>>): Tensor<NoInfer<D>> {
  const [shape, options] = parseSizes<D, RandomOptions<D>>("randn", args);
  return draw("normal", shape, options);
}

/** {@link rand} in the shape, dtype and device of `input`. */
export function randLike(input: Tensor, options: RandomOptions = {}): Tensor {
  return draw("uniform", input.shape, { dtype: input.dtype, device: input.device, ...options });
}

/** {@link randn} in the shape, dtype and device of `input`. */
export function randnLike(input: Tensor, options: RandomOptions = {}): Tensor {
  return draw("normal", input.shape, { dtype: input.dtype, device: input.device, ...options });
}

/**
 * Whole numbers in [low, high); one bound counts from 0.
 * @throws TensorError where no number lies between
 * @see https://pytorch.org/docs/stable/generated/torch.randint.html
 * @example randint(10, [2, 3]); // digits
 */
export function randint<D extends DType = "int64">(
  ...args: readonly [high: number, size: Shape, options?: RandomOptions<D>] | Bounded<D>
): Tensor<NoInfer<D>> {
  const [low, high, size, options = {}] = (typeof args[1] === "number" ? args : [0, ...args]) as Bounded<D>;
  if (!(high > low)) fail("randint", `needs low < high, got ${low} and ${high}`);
  const { dtype = "int64" as D, ...rest } = options;
  const shape = checkShape("randint", size);
  return tidy(() =>
    draw("uniform", shape, { ...rest, dtype: "float64", requiresGrad: false })
      .mul(high - low)
      .floor()
      .add(low)
      .to(dtype),
  );
}

type Bounded<D extends DType> = readonly [low: number, high: number, size: Shape, options?: RandomOptions<D>];

/**
 * 0 … n − 1 in random order.
 * @see https://pytorch.org/docs/stable/generated/torch.randperm.html
 * @example
 * randperm(4); // in some order: 0, 1, 2 and 3
 */
export function randperm<D extends DType = "int64">(n: number, options: RandomOptions<D> = {}): Tensor<NoInfer<D>> {
  const { generator = defaultGenerator, device, dtype = "int64" as D } = options;
  const made = tidy(() => shuffled(n, generator, device).to(dtype));
  if (options.requiresGrad) made.requiresGrad = true;
  return made as Tensor<D>;
}

/** In narrow numbers, which are widened later; by the host, where no kernel can. */
function shuffled(n: number, generator: Generator, device: string | undefined): Tensor {
  if (!getBackend(device).supports("shuffle")) return fromArray(permutation(n, generator), [n], { device });
  const attrs = { shape: [n], dtype: "int32", distribution: "words", ...generator.take(n) } as const;
  return apply("shuffle", applyAll("random", [], attrs, device));
}

/** The numbers of {@link randperm} on the host. */
export function permutation(n: number, generator: Generator = defaultGenerator): Int32Array {
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const next = words(generator.take(n));
  for (let last = n - 1; last > 0; last--) {
    const pick = Math.floor((next() / 2 ** 32) * (last + 1));
    const held = order[last]!;
    order[last] = order[pick]!;
    order[pick] = held;
  }
  return order;
}

/** The generator's 32-bit words on the host, one at a time. */
export function words({ seed, offset }: GeneratorState): () => number {
  const block = new Uint32Array(4);
  let at = 4;
  let counter = offset;
  return () => {
    if (at === 4) {
      philox(counter++, seed, block);
      at = 0;
    }
    return block[at++]!;
  };
}

/** One Philox-4x32-10 block: four words for a 64-bit counter and a 64-bit key. */
export function philox(
  counter: number,
  key: readonly [number, number],
  out: Uint32Array = new Uint32Array(4),
): Uint32Array {
  let [a, b, c, d] = [counter | 0, (counter / 2 ** 32) | 0, 0, 0];
  let [k0, k1] = [key[0] | 0, key[1] | 0];
  for (let round = 0; round < 10; round++) {
    const high = highWord(a, 0xd251, 0x1f53) ^ d ^ k1;
    const low = Math.imul(0xd2511f53, a);
    a = highWord(c, 0xcd9e, 0x8d57) ^ b ^ k0;
    b = Math.imul(0xcd9e8d57, c);
    c = high;
    d = low;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
  return out;
}

/** The high word of a product with a factor in halves, all without sign. Sums of products of halves stay below 2³². */
function highWord(x: number, high: number, low: number): number {
  const [xHigh, xLow] = [x >>> 16, x & 0xffff];
  const middle = Math.imul(xHigh, low) + (Math.imul(xLow, low) >>> 16);
  const other = Math.imul(xLow, high) + (middle & 0xffff);
  return (Math.imul(xHigh, high) + (middle >>> 16) + (other >>> 16)) | 0;
}
