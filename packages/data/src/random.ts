import { defaultGenerator, fail, Generator, showValue, words } from "@dl/tensor";

/** `count` numbers in [0, 1) on the host, drawn at once, so that what others draw meanwhile does not matter. */
export function uniforms(count: number, generator: Generator = defaultGenerator): Float64Array {
  const next = words(generator.take(count));
  return Float64Array.from({ length: count }, () => next() / 2 ** 32);
}

/** What was given as a generator, if anything. */
export function checkGenerator(op: string, generator: Generator | null | undefined): Generator | undefined {
  if (generator == null || generator instanceof Generator) return generator ?? undefined;
  return fail(
    op,
    `the generator is ${showValue(generator)}, needs a Generator`,
    "Write new Generator().manualSeed(42)",
  );
}
