/** Fuses a chain of element-wise operations into one tree. */
import { type DType, dtypes } from "@dl/tensor";
import { access } from "./access.ts";
import type { Elementwise } from "./elementwise.ts";
import { constant, type Node, shl, shr, shrUnsigned } from "./expression.ts";

/** Stands for an operand that is the number 0 and a constant of the formula, see {@link isKnown}. */
export const ZERO = Number.POSITIVE_INFINITY;

/**
 * One operation of a chain. Operands are inputs of the chain (0, 1, …), results of earlier steps (~0, ~1, …) or {@link
 * ZERO}.
 */
export interface Step {
  readonly kernel: Elementwise;
  readonly operands: readonly number[];
}

/** Identifies a number among the inputs of a chain. */
export const nameOf = (x: number, dtype: DType): string => `${Object.is(x, -0) ? "-0" : x} ${dtype}`;

/**
 * Whether an operand becomes a constant of the formula instead of a number in memory: 0 does, in comparisons and
 * `where`, which it is common in. Others might give another result for a constant, as the minimum of 0 and -0 may.
 */
export const isKnown = ({ name, output }: Elementwise, x: unknown): boolean =>
  Object.is(x, 0) && (output === "bool" || name === "where");

/** Identifies a chain within this process. */
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

/** The tree of a chain over its inputs. Intermediate results are rounded as if they had been stored. */
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

/** A result as it would be read back after it was stored in its dtype. */
export function stored({ output }: Elementwise, value: Node): Node {
  const { bytes, signed, encode, decode } = access[output];
  const raw = encode(value);
  if (bytes >= 4 || !(dtypes[output].kind === "int" || output === "float16")) return decode(raw);
  const unused = 32 - 8 * bytes;
  return decode((signed ? shr : shrUnsigned)(shl(raw, unused), unused));
}
