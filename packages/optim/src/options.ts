/** Options of optimizers: checked once, then kept in each group under their names. */
import { fail } from "@dl/tensor";
import type { ParamGroup } from "./optimizer.ts";

/** Decays of the running means of gradients and of their squares. */
export type Betas = readonly [number, number];

/** A group that holds the parameters `P`, of names `N`, of an optimizer's constructor. */
export type Settings<N extends readonly string[], P extends readonly unknown[]> = ParamGroup & {
  readonly [K in keyof N & `${number}` as Exclude<N[K], "params">]: Required<P>[K & keyof P];
};

/** Refuses negative or missing options, by name. */
export function checkOptions<T extends object>(op: string, options: T): Readonly<Record<string, unknown>> {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "number" && !(value >= 0)) fail(op, `${name} must be at least 0, got ${value}`);
    if (name === "betas") checkBetas(op, value as readonly number[]);
  }
  return options as Readonly<Record<string, unknown>>;
}

function checkBetas(op: string, betas: readonly number[]): void {
  if (betas.length !== 2 || betas.some((beta) => !(beta >= 0 && beta < 1))) {
    fail(op, `betas must be two numbers in [0, 1), got [${betas.join(", ")}]`);
  }
}
