/** In-place operations that take more than a row of the op table. The names end in `_`; the result is the tensor itself. */
import { inRange } from "../dtype.ts";
import { fail, showShape, showValue } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { noGrad } from "../recorder.ts";
import { sameShape } from "../shape.ts";
import { needTensor, Tensor } from "../tensor.ts";
import { applyInPlace } from "./apply.ts";
import { div } from "./arithmetic.ts";
import { limit } from "./coerce.ts";
import { clamp } from "./composite.ts";
import { to } from "./convert.ts";
import { kindsOf } from "./kinds.ts";
import { scaled } from "./scaling.ts";
import { op } from "./signature.ts";

import { written } from "./writing.ts";

export * from "./redrawing.ts";
export * from "./relabelled.ts";
export * from "./written.ts";

/** Adds alpha · other. */
export const add_ = op(
  "add_(input, other, alpha?)",
  (input: Tensor, other: Operand, alpha: number = 1): Tensor =>
    applyInPlace("add", [input, scaled("add", input, other, alpha)], input),
);

const checkKinds = kindsOf("sub");
/** Subtracts alpha · other. */
export const sub_ = op("sub_(input, other, alpha?)", (input: Tensor, other: Operand, alpha: number = 1): Tensor => {
  checkKinds([input, other]);
  return applyInPlace("sub", [input, scaled("sub", input, other, alpha)], input);
});

const divided = written(div);
/** Divides by other; `roundingMode` "trunc" or "floor" rounds. @see https://pytorch.org/docs/stable/generated/torch.Tensor.div_.html */
export const div_ = op(
  "div_(input, other, roundingMode?)",
  (input: Tensor, other: Operand, roundingMode: "trunc" | "floor" | null = null): Tensor =>
    roundingMode === null ? applyInPlace("div", [input, other], input) : divided(input, other, roundingMode),
);

/**
 * Takes the values of `src`, which broadcasts and is cast.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.copy_.html
 */
export function copy_(input: Tensor, src: Tensor): Tensor {
  needTensor("copy_", src);
  const moved = src.device === input.device ? src : to(src, input.device);
  const values = to(moved, input.dtype);
  const lead = input.ndim - values.ndim;
  if (lead < 0 || values.shape.some((size, dim) => size !== 1 && size !== input.shape[dim + lead])) {
    fail("copy_", `${showShape(src.shape)} does not broadcast to ${showShape(input.shape)}`);
  }
  return applyInPlace("copy", [sameShape(values.shape, input.shape) ? values : values.expand(input.shape)], input);
}

/**
 * One value everywhere: a number, or that of a 0-d tensor.
 * @throws TensorError for a number that a whole-number dtype does not have
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.fill_.html
 */
export const fill_ = op("fill_(input, value)", (input: Tensor, value: Operand | boolean): Tensor => {
  if (value instanceof Tensor && value.ndim === 0) return copy_(input, value);
  if (value instanceof Tensor || !["number", "boolean", "bigint"].includes(typeof value)) {
    fail("fill_", `needs a number or a 0-d tensor, got ${showValue(value)}`);
  }
  const { shape, dtype } = input;
  return applyInPlace("full", [], input, { shape, dtype, value: Number(inRange("fill_", value, dtype)) });
});

/**
 * One value on the diagonal; with `wrap`, in a tall matrix again and again, one row apart.
 * @throws TensorError for fewer than 2 dimensions, or for more of different sizes
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.fill_diagonal_.html
 */
export const fillDiagonal_ = op(
  "fillDiagonal_(input, fillValue, wrap?)",
  (input: Tensor, fillValue: number, wrap: boolean = false): Tensor => {
    const { shape, ndim } = input;
    if (ndim < 2 || (ndim > 2 && shape.some((size) => size !== shape[0]))) {
      fail("fillDiagonal_", `needs a matrix, or dimensions of one size, got ${showShape(shape)}`);
    }
    const [rows, size] = [shape[0]!, Math.min(...shape)];
    const step = input.strides.reduce((sum, stride) => sum + stride, 0);
    for (let row = 0; row < rows && (row === 0 || (wrap && ndim === 2)); row += size + 1) {
      const block = input.narrow(0, row, Math.min(size, rows - row));
      fill_(block.asStrided([block.shape[0]!], [step]), fillValue);
    }
    return input;
  },
);

/** Zero everywhere. @see https://pytorch.org/docs/stable/generated/torch.Tensor.zero_.html */
export function zero_(input: Tensor): Tensor {
  return fill_(input, 0);
}

/** Elements from which a pass over them costs more than a temporary. */
const MANY = 2 ** 15;
const clamped = written(clamp);
/** Limits every element to [min, max]. */
export const clamp_ = op(
  "clamp_(input, min?, max?)",
  (input: Tensor, min?: Operand | null, max?: Operand | null): Tensor => {
    if (min == null && max == null) fail("clamp_", "needs min, max or both");
    const [low, high] = [limit("clamp_", input, min), limit("clamp_", input, max)];
    // A limit that is a tensor may be, or share, the one that changes.
    const isPlain = low == null || high == null || (typeof high === "number" && input.numel() < MANY);
    if (!isPlain) return clamped(input, low, high);
    if (low != null) applyInPlace("maximum", [input, low], input);
    return high == null ? input : applyInPlace("minimum", [input, high], input);
  },
);

/** `value` where `mask` holds. */
export function maskedFill_(input: Tensor, mask: Tensor, value: Operand): Tensor {
  return copy_(input, input.maskedFill(mask, value));
}

/** Drops the tensor's history, turning it into a leaf. @see https://pytorch.org/docs/stable/generated/torch.Tensor.detach_.html */
export function detach_(input: Tensor): Tensor {
  if (input.base) fail("detach_", "a view cannot be detached in place", "Use .detach()");
  input.node = null;
  noGrad(() => {
    input.requiresGrad = false;
  });
  return input;
}
