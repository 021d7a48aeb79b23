import { fail } from "@dl/tensor";

/** Refuses negative or missing options, by name. */
export function checkOptions(op: string, options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "number" && !(value >= 0)) fail(op, `${name} must be at least 0, got ${value}`);
    if (name === "betas") checkBetas(op, value as readonly number[]);
  }
  if (options["lr"] === undefined) fail(op, "needs a learning rate", "Give { lr: 0.01 } or so");
}

function checkBetas(op: string, betas: readonly number[]): void {
  if (betas.length !== 2 || betas.some((beta) => !(beta >= 0 && beta < 1))) {
    fail(op, `betas must be two numbers in [0, 1), got [${betas.join(", ")}]`);
  }
}
