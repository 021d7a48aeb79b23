/** Results that come in twos, by position or by name. */
import type { Tensor } from "../tensor.ts";

/** Values and their int64 positions. */
export type ValuesIndices = [values: Tensor, indices: Tensor] & { readonly values: Tensor; readonly indices: Tensor };

export function valuesIndices(values: Tensor, indices: Tensor): ValuesIndices {
  // Printed once: names do not show.
  return Object.defineProperties([values, indices], {
    values: { value: values },
    indices: { value: indices },
  }) as never;
}
