/** PyTorch's one-word casts: `x.float()`, `x.long()`. Each is `x.to(dtype)`. */
import type { DType } from "../dtype.ts";
import type { Tensor } from "../tensor.ts";
import { to } from "./convert.ts";

type Cast<D extends DType> = (input: Tensor) => Tensor<D>;

function cast<D extends DType>(dtype: D): Cast<D> {
  return (input) => to(input, dtype);
}

/** To float32. */
export const float: Cast<"float32"> = cast("float32");
/** To float64. */
export const double: Cast<"float64"> = cast("float64");
/** To float16. */
export const half: Cast<"float16"> = cast("float16");
/** To bfloat16. */
export const bfloat16: Cast<"bfloat16"> = cast("bfloat16");
/** To int64. */
export const long: Cast<"int64"> = cast("int64");
/** To int32. */
export const int: Cast<"int32"> = cast("int32");
/** To int16. */
export const short: Cast<"int16"> = cast("int16");
/** To int8. */
export const char: Cast<"int8"> = cast("int8");
/** To uint8. */
export const byte: Cast<"uint8"> = cast("uint8");
/** To bool. */
export const bool: Cast<"bool"> = cast("bool");
