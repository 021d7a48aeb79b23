import type { UpdateRule } from "../backend.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Changes whole lists of parameters by one kernel, where their backend has it for this rule.
 * @param targets parameters first, then each kind of optimizer state; lists of equal length
 * @returns false when the backend has no such kernel: the caller then does it op by op
 */
export function updateParameters(
  rule: UpdateRule,
  targets: readonly (readonly Tensor[])[],
  gradients: readonly Tensor[],
  attrs: Readonly<Record<string, number | boolean>>,
): boolean {
  const backend = targets[0]?.[0]?.backend;
  const done = backend?.update?.({ rule, targets, gradients, attrs }) ?? false;
  if (done) for (const list of targets) for (const { storage } of list) storage.version++;
  return done;
}
