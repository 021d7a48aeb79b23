/**
 * Functions that WGSL lacks, or whose built-in twin is too imprecise (the language allows sin an absolute error of
 * 2^-11). Polynomials are those of Cephes' single precision.
 */
import { division } from "./library/division.ts";
import { exponentials } from "./library/exponentials.ts";
import { integers } from "./library/integers.ts";
import { numbers } from "./library/numbers.ts";
import { powers } from "./library/powers.ts";
import { special } from "./library/special.ts";
import { trigonometry } from "./library/trigonometry.ts";
import { philox } from "./philox.ts";

const functions: Readonly<Record<string, string>> = {
  ...numbers,
  ...trigonometry,
  ...exponentials,
  ...powers,
  ...division,
  ...integers,
  ...special,
  ...philox,
};

/** The source with the functions that it calls, and that they call. */
export function withFunctions(source: string): string {
  const used = new Set<string>();
  const search = (text: string): void => {
    for (const [name] of text.matchAll(/\bdl_\w+/g)) {
      const found = functions[name];
      if (found && !used.has(name)) {
        used.add(name);
        search(found);
      }
    }
  };
  search(source);
  return [...used].map((name) => `${functions[name]}\n`).join("") + source;
}
