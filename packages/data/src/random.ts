import { defaultGenerator, type Generator, words } from "@dl/tensor";

/** `count` numbers in [0, 1) on the host, drawn at once, so that what others draw meanwhile does not matter. */
export function uniforms(count: number, generator: Generator = defaultGenerator): Float64Array {
  const next = words(generator.take(count));
  return Float64Array.from({ length: count }, () => next() / 2 ** 32);
}
