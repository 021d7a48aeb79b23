/** The ops of a chain as one tree. */
import { type DType, dtypes } from "@dl/tensor";
import { access } from "./access.ts";
import type { Elementwise } from "./elementwise.ts";
import { constant, type Node, shl, shr, shrUnsigned } from "./expression.ts";

/** The operand that is the number 0 where it is part of the formula. */
export const ZERO = Number.POSITIVE_INFINITY;

/** One op of a chain; its operands are inputs of the chain (0, 1, …), the results of earlier ops (~0, ~1, …) or {@link ZERO}. */
export interface Step {
  readonly kernel: Elementwise;
  readonly operands: readonly number[];
}

/** What a number is called among what a chain reads. */
export const nameOf = (x: number, dtype: DType): string => `${Object.is(x, -0) ? "-0" : x} ${dtype}`;

/** Comparisons and choices often have that, and give the same whether it is known or not; of 0 and -0 a minimum need not. */
export const isKnown = ({ name, output }: Elementwise, x: unknown): boolean =>
  Object.is(x, 0) && (output === "bool" || name === "where");

/** What says of a chain all that matters, for this process. */
export function shortNameOf(steps: readonly Step[]): string {
  let name = "";
  for (const { kernel, operands } of steps) {
    name += `${kernel.id}(`;
    for (const operand of operands) name += `${operand},`;
  }
  return name;
}

export function zeroOf(dtype: DType): Node {
  const { raw, decode } = access[dtype];
  return decode(constant(raw, 0));
}

/** The formulas of all steps, one into the other; in between, elements are rounded as if they had been stored. */
export function build(steps: readonly Step[], xs: readonly Node[]): Node {
  const results: Node[] = [];
  for (const { kernel, operands } of steps) {
    const args = operands.map((i, k) => {
      if (i === ZERO) return zeroOf(kernel.inputs[k]!);
      return i >= 0 ? xs[i]! : stored(steps[~i]!.kernel, results[~i]!);
    });
    results.push(kernel.build(...args));
  }
  return results.at(-1)!;
}

export function stored({ output }: Elementwise, value: Node): Node {
  const { bytes, signed, encode, decode } = access[output];
  const raw = encode(value);
  if (bytes >= 4 || !(dtypes[output].kind === "int" || output === "float16")) return decode(raw);
  const unused = 32 - 8 * bytes;
  return decode((signed ? shr : shrUnsigned)(shl(raw, unused), unused));
}
