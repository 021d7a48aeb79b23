/** Where a layer's parameters live and what they are made of: the last two parameters of every layer that has some. */
import { empty, type FloatDType, full, getDefaultDtype, type Shape, type Tensor } from "@dl/tensor";
import type { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";

export type Placement = [device?: string | null, dtype?: FloatDType | null];
export const placement = ["device", "dtype"] as const;

/** An uninitialised parameter. */
export function parameter(shape: Shape, device?: string | null, dtype?: FloatDType | null): Parameter {
  return new Parameter<FloatDType>(empty(shape, { device: device ?? undefined, dtype: dtype ?? undefined }));
}

/** A tensor of one value, for buffers. */
export function filled(
  shape: Shape,
  value: number,
  device?: string | null,
  dtype?: FloatDType | "int64" | null,
): Tensor {
  return full(shape, value, { device: device ?? undefined, dtype: dtype ?? getDefaultDtype() });
}

/** Ends a layer's constructor: its parameters get values, and from now on no plain tensor takes their places. */
export function initialize(layer: Module & { resetParameters(): void }): void {
  layer.resetParameters();
  layer.parameters(false);
}
