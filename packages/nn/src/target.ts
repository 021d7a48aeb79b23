/** Where a module goes. */
import type { DType } from "@dl/tensor";

export interface ModuleTarget {
  readonly device?: string | undefined;
  readonly dtype?: DType | undefined;
}

/** `"webgpu"` is a device, `"float64"` a dtype. */
export function readTarget(target: string | ModuleTarget): ModuleTarget {
  if (typeof target === "object") return target;
  return /^(float|bfloat)\d+$/.test(target) ? { dtype: target as DType } : { device: target };
}
