/** Tensors put together and taken apart. */
import { fail, showShape } from "../errors.ts";
import { tidy } from "../scope.ts";
import { normalizeDim } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { commonDType } from "./coerce.ts";
import { to } from "./convert.ts";
import { labelled } from "./labels.ts";
import { composite, op, type Sizes, sizes } from "./signature.ts";

function needSome(name: string, tensors: readonly Tensor[]): void {
  if (tensors.length === 0) fail(name, "needs at least one tensor, got an empty list");
  const wrong = tensors.findIndex((item) => !(item instanceof Tensor));
  if (wrong >= 0) fail(name, `needs a list of tensors, got ${tensors[wrong]} at ${wrong}`);
}

/**
 * Tensors joined along an existing dimension; they agree in all others. Empty 1-d tensors are skipped, as in PyTorch.
 * @see https://pytorch.org/docs/stable/generated/torch.cat.html
 * @example
 * cat([zeros(2, 3), ones(1, 3)]).shape; // [3, 3]
 * cat([tensor([[1], [2]]), tensor([[3], [4]])], 1); // tensor([[1, 3], [2, 4]])
 */
export const cat = op("cat(tensors, dim?)", (tensors: readonly Tensor[], dim: number = 0): Tensor => {
  needSome("cat", tensors);
  const dtype = commonDType("cat", tensors);
  const solid = tensors.filter(({ shape }) => !(shape.length === 1 && shape[0] === 0));
  const parts = (solid.length > 0 ? solid : tensors.slice(0, 1)).map((x) => to(x, dtype));
  if (parts[0]!.ndim === 0) fail("cat", "0-d tensors cannot be joined", "Use stack");
  const at = normalizeDim("cat", dim, parts[0]!.ndim);
  return apply("cat", parts, { dim: at });
});

/**
 * Tensors of one shape joined along a new dimension.
 * @see https://pytorch.org/docs/stable/generated/torch.stack.html
 * @example
 * stack([tensor([1, 2]), tensor([3, 4])]); // tensor([[1, 2], [3, 4]])
 * stack([zeros(3), ones(3)], 1).shape; // [3, 2]
 */
export const stack = composite("stack(tensors, dim?)", (tensors: readonly Tensor[], dim: number = 0): Tensor => {
  needSome("stack", tensors);
  const [first] = tensors;
  for (const { shape } of tensors) {
    if (shape.length !== first!.ndim || shape.some((size, d) => size !== first!.shape[d])) {
      fail("stack", `needs equal shapes, got ${showShape(first!.shape)} and ${showShape(shape)}`);
    }
  }
  const joined = cat(
    tensors.map((x) => x.unsqueeze(dim)),
    normalizeDim("stack", dim, first!.ndim + 1),
  );
  return labelled(joined, "StackBackward0");
});

/**
 * Views of `splitSize` elements each along `dim` (the last may be smaller), or of the sizes listed.
 * @see https://pytorch.org/docs/stable/generated/torch.split.html
 * @example
 * arange(5).split(2); // [tensor([0, 1]), tensor([2, 3]), tensor([4])]
 * arange(5).split([1, 4]); // [tensor([0]), tensor([1, 2, 3, 4])]
 */
export const split = op(
  "split(input, splitSize, dim?)",
  (input: Tensor, splitSize: number | readonly number[], dim: number = 0): Tensor[] => {
    const at = normalizeDim("split", dim, input.ndim);
    const size = input.shape[at] ?? fail("split", "a 0-d tensor cannot be split");
    const parts = typeof splitSize === "number" ? evenly(size, splitSize) : splitSize;
    if (parts.reduce((sum, s) => sum + s, 0) !== size) {
      fail("split", `sizes ${showShape(parts)} do not add up to ${size}, the size of dimension ${at}`);
    }
    let start = 0;
    return parts.map((length) => input.narrow(at, (start += length) - length, length));
  },
  "SplitBackward0",
);

function evenly(size: number, step: number): number[] {
  if (!(step > 0) && size > 0) fail("split", `a part needs at least one element, got ${step}`);
  const count = Math.max(Math.ceil(size / step), 1);
  return Array.from({ length: count }, (_, i) => Math.min(step, size - i * step));
}

/**
 * At most `chunks` views of equal size along `dim`.
 * @see https://pytorch.org/docs/stable/generated/torch.chunk.html
 * @example
 * arange(6).chunk(3); // [tensor([0, 1]), tensor([2, 3]), tensor([4, 5])]
 */
export const chunk = op("chunk(input, chunks, dim?)", (input: Tensor, chunks: number, dim: number = 0): Tensor[] => {
  if (!(chunks > 0)) fail("chunk", `needs at least one chunk, got ${chunks}`);
  const size = input.shape[normalizeDim("chunk", dim, input.ndim)]!;
  return size === 0
    ? Array.from({ length: chunks }, () => input.narrow(dim, 0, 0))
    : split(input, Math.ceil(size / chunks), dim);
});

/**
 * One view for each position of `dim`, without that dimension.
 * @see https://pytorch.org/docs/stable/generated/torch.unbind.html
 * @example
 * tensor([[1, 2], [3, 4]]).unbind(); // [tensor([1, 2]), tensor([3, 4])]
 */
export const unbind = op(
  "unbind(input, dim?)",
  (input: Tensor, dim: number = 0): Tensor[] => {
    const at = normalizeDim("unbind", dim, input.ndim);
    if (input.ndim === 0) fail("unbind", "a 0-d tensor has no dimension to unbind");
    return Array.from({ length: input.shape[at]! }, (_, i) => input.select(at, i));
  },
  "UnbindBackward0",
);

/**
 * Repeats the whole tensor along each dimension.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.repeat.html
 * @example
 * tensor([1, 2]).repeat(2, 2); // tensor([[1, 2, 1, 2], [1, 2, 1, 2]])
 */
export function repeat(input: Tensor, ...repeats: Sizes<"repeats">): Tensor {
  const times = sizes(repeats, "repeat", "repeats");
  if (times.length < input.ndim) fail("repeat", `needs ${input.ndim} or more counts, got ${showShape(times)}`);
  return labelled(
    tidy(() => tiled(input, times)),
    "RepeatBackward0",
  );
}

function tiled(input: Tensor, times: readonly number[]): Tensor {
  const lead = times.length - input.ndim;
  const padded = input.reshape([...times.slice(0, lead).map(() => 1), ...input.shape]);
  const spread = padded.shape.flatMap((size, dim) => [times[dim]!, size]);
  const grown = padded.reshape(padded.shape.flatMap((size) => [1, size])).expand(spread);
  return apply("copy", [grown]).view(padded.shape.map((size, dim) => size * times[dim]!));
}
