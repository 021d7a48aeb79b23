/** Dimensions moved, merged, repeated and turned: composites of permute, reshape, expand and flip. */

import { fail, inNameOf, showShape } from "../errors.ts";
import { inferSize, normalizeDim, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cat } from "./joining.ts";
import { asVector } from "./scattering.ts";
import { composite, op, type Sizes, sizes } from "./signature.ts";
import { permute, reshape, transpose, view } from "./views.ts";

/**
 * Two dimensions swapped.
 * @see https://pytorch.org/docs/stable/generated/torch.swapaxes.html
 * @example
 * zeros(2, 3, 4).swapaxes(0, 2).shape; // [4, 3, 2]
 */
export const swapaxes = op(
  "swapaxes(input, axis0, axis1)",
  (input: Tensor, axis0: number, axis1: number): Tensor => transpose(input, axis0, axis1),
);

/** Two dimensions swapped. @see https://pytorch.org/docs/stable/generated/torch.swapdims.html */
export const swapdims = op(
  "swapdims(input, dim0, dim1)",
  (input: Tensor, dim0: number, dim1: number): Tensor => transpose(input, dim0, dim1),
);

function listOf(dims: number | readonly number[]): readonly number[] {
  return typeof dims === "number" ? [dims] : dims;
}

/**
 * Dimensions at new places; the others keep their order.
 * @throws TensorError when the lists differ in length or name a dimension twice
 * @see https://pytorch.org/docs/stable/generated/torch.movedim.html
 * @example
 * zeros(2, 3, 4).movedim(0, -1).shape; // [3, 4, 2]
 */
export const movedim = op(
  "movedim(input, source, destination)",
  (input: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor => {
    const [from, to] = [source, destination].map((dims) =>
      listOf(dims).map((dim) => normalizeDim("movedim", dim, input.ndim)),
    ) as [number[], number[]];
    if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
      fail("movedim", `needs two lists of as many distinct dimensions, got [${source}] and [${destination}]`);
    }
    const rest = input.shape.flatMap((_, dim) => (from.includes(dim) ? [] : [dim]));
    return permute(
      input,
      input.shape.map((_, dim) => (to.includes(dim) ? from[to.indexOf(dim)]! : rest.shift()!)),
    );
  },
);

/** {@link movedim} under NumPy's name. @see https://pytorch.org/docs/stable/generated/torch.moveaxis.html */
export const moveaxis = op(
  "moveaxis(input, source, destination)",
  (input: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor =>
    movedim(input, source, destination),
);

/** All elements in one dimension. @see https://pytorch.org/docs/stable/generated/torch.ravel.html */
export function ravel(input: Tensor): Tensor {
  return reshape(input, -1);
}

/**
 * One dimension as several, one size of which may be -1.
 * @see https://pytorch.org/docs/stable/generated/torch.unflatten.html
 * @example
 * zeros(6, 4).unflatten(0, [2, 3]).shape; // [2, 3, 4]
 */
export const unflatten = op("unflatten(input, dim, sizes)", (input: Tensor, dim: number, sizes: Shape): Tensor => {
  const at = normalizeDim("unflatten", dim, input.ndim);
  if (sizes.length === 0) fail("unflatten", "needs at least one size");
  const wanted = inferSize("unflatten", sizes, input.shape[at]!, [input.shape[at]!]);
  return view(input, input.shape.toSpliced(at, 1, ...wanted));
});

/** The shape of `other`. @see https://pytorch.org/docs/stable/generated/torch.Tensor.reshape_as.html */
export const reshapeAs = op(
  "reshapeAs(input, other)",
  (input: Tensor, other: Tensor): Tensor => reshape(input, other.shape),
);

/** A view in the shape of `other`. @see https://pytorch.org/docs/stable/generated/torch.Tensor.view_as.html */
export const viewAs = op("viewAs(input, other)", (input: Tensor, other: Tensor): Tensor => view(input, other.shape));

/** Repeats dimensions of size 1 without copying. @see https://pytorch.org/docs/stable/generated/torch.broadcast_to.html */
export const broadcastTo = op("broadcastTo(input, size)", (input: Tensor, size: Shape): Tensor => input.expand(size));

/** {@link expand} to the shape of `other`. @see https://pytorch.org/docs/stable/generated/torch.Tensor.expand_as.html */
export const expandAs = op(
  "expandAs(input, other)",
  (input: Tensor, other: Tensor): Tensor => input.expand(other.shape),
);

/**
 * The sum over the dimensions that broadcasting from `size` would repeat.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.sum_to_size.html
 */
export function sumToSize(input: Tensor, ...size: Sizes<"size">): Tensor {
  const wanted = sizes(size, "sumToSize", "size");
  const lead = input.ndim - wanted.length;
  if (lead < 0 || wanted.some((extent, dim) => extent !== 1 && extent !== input.shape[dim + lead])) {
    fail("sumToSize", `${showShape(wanted)} does not broadcast to ${showShape(input.shape)}`);
  }
  const dims = input.shape.flatMap((extent, dim) =>
    dim < lead || (wanted[dim - lead] === 1 && extent !== 1) ? [dim] : [],
  );
  if (wanted.length === 0) return input.sum();
  return dims.length === 0 ? input.view(wanted) : input.sum(dims, true).view(wanted);
}

/**
 * A view of all windows of `size` elements along a dimension, `step` apart; they become the last dimension.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.unfold.html
 * @example
 * arange(5).unfold(0, 3, 1); // tensor([[0, 1, 2], [1, 2, 3], [2, 3, 4]])
 */
export const unfold = op(
  "unfold(input, dimension, size, step)",
  (input: Tensor, dimension: number, size: number, step: number): Tensor => {
    const x = asVector(input);
    const at = normalizeDim("unfold", dimension, input.ndim);
    const extent = x.shape[at]!;
    if (!(size >= 0 && size <= extent && step > 0)) {
      fail("unfold", `windows of ${size}, ${step} apart, do not fit dimension ${at} of size ${extent}`);
    }
    const count = Math.floor((extent - size) / step) + 1;
    if (input.ndim === 0) return x.narrow(0, 0, size);
    const shape = [...x.shape.with(at, count), size];
    return x.asStrided(shape, [...x.strides.with(at, x.strides[at]! * step), x.strides[at]!]);
  },
  "UnfoldBackward0",
);

/**
 * Turned by `k` quarters from `dims[0]` towards `dims[1]`.
 * @see https://pytorch.org/docs/stable/generated/torch.rot90.html
 * @example
 * tensor([[1, 2], [3, 4]]).rot90(); // tensor([[2, 4], [1, 3]])
 */
export const rot90 = composite(
  "rot90(input, k?, dims?)",
  (input: Tensor, k: number = 1, dims: readonly number[] = [0, 1]): Tensor => {
    const [a, b] = dims.map((dim) => normalizeDim("rot90", dim, input.ndim));
    if (dims.length !== 2 || a === b || input.ndim < 2) {
      fail("rot90", `needs two different dimensions, got [${dims}] of ${showShape(input.shape)}`);
    }
    const quarters = ((k % 4) + 4) % 4;
    if (quarters === 1) return input.flip(b!).transpose(a!, b!);
    if (quarters === 2) return input.flip(a!, b!);
    return quarters === 3 ? input.flip(a!).transpose(a!, b!) : input.clone();
  },
);

/**
 * Elements moved along dimensions, those beyond the end coming in at the start; without `dims`, of the flattened tensor.
 * @see https://pytorch.org/docs/stable/generated/torch.roll.html
 * @example
 * tensor([1, 2, 3]).roll(1); // tensor([3, 1, 2])
 */
export const roll = composite(
  "roll(input, shifts, dims?)",
  (input: Tensor, shifts: number | readonly number[], dims?: number | readonly number[] | null): Tensor => {
    const [steps, along] = [listOf(shifts), listOf(dims ?? [])];
    if (steps.length === 0) fail("roll", "needs at least one shift");
    if (along.length === 0 && steps.length === 1) return rollOne(input.reshape(-1), steps[0]!, 0).view(input.shape);
    if (along.length !== steps.length) fail("roll", `has ${steps.length} shifts for ${along.length} dimensions`);
    return along.reduce((x, dim, i) => rollOne(x, steps[i]!, normalizeDim("roll", dim, x.ndim)), input);
  },
  "RollBackward0",
);

function rollOne(x: Tensor, shift: number, dim: number): Tensor {
  const size = x.shape[dim] ?? 1;
  const by = size === 0 ? 0 : ((shift % size) + size) % size;
  if (by === 0) return x.clone();
  return cat([x.narrow(dim, size - by, by), x.narrow(dim, 0, size - by)], dim);
}

/** Columns in reverse order. @see https://pytorch.org/docs/stable/generated/torch.fliplr.html */
export function fliplr(input: Tensor): Tensor {
  if (input.ndim < 2) fail("fliplr", `needs at least 2 dimensions, got ${showShape(input.shape)}`);
  return input.flip(1);
}

/**
 * Rows in reverse order.
 * @see https://pytorch.org/docs/stable/generated/torch.flipud.html
 * @example
 * tensor([[1, 2], [3, 4]]).flipud(); // tensor([[3, 4], [1, 2]])
 */
export function flipud(input: Tensor): Tensor {
  if (input.ndim < 1) fail("flipud", "needs at least 1 dimension, got a 0-d tensor");
  return input.flip(0);
}

/**
 * Repeats the whole tensor; missing leading counts are 1.
 * @see https://pytorch.org/docs/stable/generated/torch.tile.html
 * @example
 * tensor([1, 2]).tile(2); // tensor([1, 2, 1, 2])
 */
export function tile(input: Tensor, ...dims: Sizes<"dims">): Tensor {
  const counts = sizes(dims, "tile", "dims");
  return inNameOf("tile", () => input.repeat([...input.shape.slice(counts.length).map(() => 1), ...counts]));
}

/**
 * Each element (or slice of `dim`) `repeats` times in place; `repeats` may be a tensor with one count each.
 * @see https://pytorch.org/docs/stable/generated/torch.repeat_interleave.html
 * @example
 * tensor([1, 2]).repeatInterleave(2); // tensor([1, 1, 2, 2])
 */
export const repeatInterleave = composite(
  "repeatInterleave(input, repeats, dim?)",
  (input: Tensor, repeats: number | Tensor, dim?: number | null): Tensor => {
    const x = dim == null ? input.reshape(-1) : input;
    const at = normalizeDim("repeatInterleave", dim ?? 0, x.ndim);
    const size = x.shape[at]!;
    if (typeof repeats === "number" && repeats >= 0) {
      const repeated = x
        .unsqueeze(at + 1)
        .expand(x.shape.toSpliced(at + 1, 0, repeats))
        .flatten(at, at + 1);
      return repeated.storage === x.storage ? repeated.clone() : repeated;
    }
    if (typeof repeats === "number") fail("repeatInterleave", `counts must not be negative, got ${repeats}`);
    const counts = repeats.reshape(-1);
    if (counts.numel() !== 1 && counts.numel() !== size) {
      fail("repeatInterleave", `has ${counts.numel()} counts for ${size} elements of dimension ${at}`);
    }
    const fewest = size === 0 ? 0 : counts.amin().item();
    if (!(fewest >= 0)) fail("repeatInterleave", `counts must not be negative, got ${fewest}`);
    // As many elements end before a place as its own element's number says.
    const ends = counts.expand(size).cumsum(0);
    const total = size === 0 ? 0 : ends.at(-1).item();
    const one = ends.newFull([1], 1, { dtype: "int32" });
    const index = one
      .newZeros(total + 1)
      .indexAdd(0, ends, one.expand(size))
      .cumsum(0);
    return x.indexSelect(at, index.narrow(0, 0, total));
  },
);
