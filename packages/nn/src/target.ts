/** Where a module goes. */
import type { DType, Tensor } from "@dl/tensor";

export interface ModuleTarget {
  readonly device?: string | undefined;
  readonly dtype?: DType | undefined;
}

/** `"webgpu"` is a device, `"float64"` a dtype. */
export function readTarget(target: string | ModuleTarget): ModuleTarget {
  if (typeof target === "object") return target;
  return /^(float|bfloat)\d+$/.test(target) ? { dtype: target as DType } : { device: target };
}

/** Of pairs, the first take over the memory of the second: all are made by then, since memory may run out. */
export function adoptAll(pairs: readonly (readonly [Tensor, Tensor])[]): void {
  for (const [x, made] of pairs) x.adopt(made);
}
