/** What schedules share that move the momentum against the learning rate (Smith, 2015 and 2018). */
import { fail } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";

/** One value for all groups, or one each. */
export type PerGroup = number | readonly number[];

export function perGroup(name: string, optimizer: Optimizer, value: PerGroup): number[] {
  const groups = optimizer.paramGroups.length;
  if (typeof value === "number") return new Array<number>(groups).fill(value);
  if (value.length !== groups) fail(name, `needs ${groups} values, one a group, got ${value.length}`);
  return [...value];
}

/** Momentum, or Adam's first beta. */
export function setMomentum(group: ParamGroup, momentum: number): void {
  const { betas } = group as { betas?: readonly [number, number] };
  if (betas) group["betas"] = [momentum, betas[1]];
  else group["momentum"] = momentum;
}
