/**
 * `t.at(…)` reads and `t.set_(…, value)` writes by what Python writes between brackets, one argument a dimension:
 * a number; `[start, stop, step]` for a slice (any part may be null or missing); `null` for a new dimension; `"..."` for
 * all that is left; a bool tensor (mask) or an int64 tensor of positions.
 */
import { dtypes } from "../dtype.ts";
import { fail, inNameOf, showShape, showValue } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { tidy } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { nonzero, pick, place } from "./advanced.ts";
import { to } from "./convert.ts";
import { tensor } from "./creation.ts";
import { copy_, fill_, maskedFill_ } from "./inplace.ts";
import { window } from "./windows.ts";
import { written } from "./writing.ts";

/** One position between the brackets. */
export type Index = number | null | "..." | readonly (number | null)[] | boolean | Tensor;

/** A view cut by the plain items, and the index tensors still to apply, by dimension of that view. */
interface Cut {
  readonly view: Tensor;
  readonly picks: readonly (Tensor | null)[];
}

/**
 * Reads by index: numbers, slices, null and "..." give a view of the same memory, masks and index tensors a copy.
 * @throws TensorError for an index outside its dimension or too many of them
 * @see https://pytorch.org/docs/stable/tensor_view.html
 * @example
 * const x = arange(12).view(3, 4); // [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
 * x.at(0); // tensor([0, 1, 2, 3]): x[0]
 * x.at(-1, 2); // tensor(10): x[-1, 2]
 * x.at([1, 3], 0); // tensor([4, 8]): x[1:3, 0]
 * x.at("...", [null, null, 2]); // tensor([[ 0, 2], [ 4, 6], [ 8, 10]]): x[..., ::2]
 * x.at(null, 0).shape; // [1, 4]: x[None, 0]
 * x.at(x.gt(9)); // tensor([10, 11]): x[x > 9]
 * x.at(tensor([2, 0]), tensor([1, 3])); // tensor([9, 3]): x[[2, 0], [1, 3]]
 */
export function at(input: Tensor, ...index: readonly Index[]): Tensor {
  const read = (): Tensor => {
    const { view, picks } = cut(input, index);
    if (picks.some((item) => item !== null)) return pick(view, picks);
    return view === input ? input.view(input.shape) : view;
  };
  return inNameOf("at", () => tidy(read));
}

/**
 * Writes by index, in place: `t.set_([2, 5], 0)`, `t.set_(0, 1, value)`, `t.set_(mask, 1)`. The value broadcasts.
 * @returns the tensor itself
 */
export function set_(input: Tensor, ...indexAndValue: readonly [...index: Index[], value: Operand | boolean]): Tensor {
  const value = indexAndValue.at(-1) as Operand | boolean;
  const index = indexAndValue.slice(0, -1) as Index[];
  inNameOf("set_", () => tidy(() => write(input, index, typeof value === "boolean" ? Number(value) : value)));
  return input;
}

const place_ = written(place);

function write(input: Tensor, index: readonly Index[], value: Operand): void {
  const [first] = index;
  if (index.length === 1 && isMask(first) && typeof value === "number" && first.ndim <= input.ndim) {
    checkMask(first, input, 0);
    maskedFill_(input, widen(first, input), value);
    return;
  }
  const { view, picks } = cut(input, index);
  if (picks.some((item) => item !== null)) {
    const values = typeof value === "number" ? tensor(value, { dtype: view.dtype, device: view.device }) : value;
    place_(view, picks, to(values, view.dtype), false);
  } else if (typeof value === "number") fill_(view, value);
  else copy_(view, squeezeTo(value, view.ndim));
}

/** Leading dimensions of size 1 beyond the target's rank are dropped, as PyTorch does on assignment. */
function squeezeTo(value: Tensor, rank: number): Tensor {
  const extra = value.ndim - rank;
  return extra > 0 && value.shape.slice(0, extra).every((size) => size === 1)
    ? value.view(value.shape.slice(extra))
    : value;
}

function isMask(item: Index | undefined): item is Tensor {
  return typeof item === "object" && item !== null && "dtype" in item && item.dtype === "bool";
}

/** The mask with dimensions of size 1 behind, so that it covers the leading dimensions of `input`. */
function widen(mask: Tensor, input: Tensor): Tensor {
  return mask.view([...mask.shape, ...input.shape.slice(mask.ndim).map(() => 1)]);
}

function cut(input: Tensor, index: readonly Index[]): Cut {
  const items = spell(input, index);
  let view = input;
  const picks: (Tensor | null)[] = [];
  let dim = 0;
  for (const item of items) {
    if (typeof item === "number") view = view.select(dim, item);
    else if (item === null || typeof item === "boolean") {
      view = view.unsqueeze(dim++);
      picks.push(typeof item === "boolean" ? tensor(item ? [0] : [], { dtype: "int64", device: input.device }) : null);
    } else if (Array.isArray(item)) {
      view = slice(view, dim++, item);
      picks.push(null);
    } else {
      const tensors = positions(item as Tensor, view, dim);
      picks.push(...tensors);
      dim += tensors.length;
    }
  }
  return { view, picks };
}

/** Replaces "..." by full slices and checks the count. */
function spell(input: Tensor, index: readonly Index[]): Exclude<Index, "...">[] {
  const used = index.reduce<number>((sum, item) => sum + consumed(item), 0);
  const missing = input.ndim - used;
  if (missing < 0) fail("at", `too many indices: ${used} for a tensor of ${input.ndim} dimensions`);
  const dots = index.filter((item) => item === "...").length;
  if (dots > 1) fail("at", 'at most one "..." can stand for the rest');
  const rest = Array.from({ length: missing }, () => [] as readonly number[]);
  index.forEach(needIndex);
  const full = dots === 0 ? [...index, ...rest] : index.flatMap((item) => (item === "..." ? rest : [item]));
  return full.map(plain) as Exclude<Index, "...">[];
}

/** A 0-d tensor of a whole number or a bool is that, where the host can look. */
function plain(item: Index): Index {
  const single =
    item instanceof Tensor && item.ndim === 0 && dtypes[item.dtype].kind !== "float" && item.backend.readSync;
  return single ? item.item() : item;
}

function needIndex(item: Index, i: number): void {
  if (item === null || item === "..." || item instanceof Tensor || Array.isArray(item)) return;
  if (typeof item === "number" || typeof item === "boolean") return;
  fail("at", `index ${i} is ${showValue(item)}`, 'Slices are [start, stop, step], "..." stands for all that is left');
}

function consumed(item: Index): number {
  if (item === null || item === "..." || typeof item === "boolean") return 0;
  return isMask(item) ? item.ndim : 1;
}

function slice(view: Tensor, dim: number, parts: readonly (number | null)[]): Tensor {
  const size = view.shape[dim]!;
  const [start, stop, step] = [parts[0] ?? 0, parts[1] ?? size, parts[2] ?? 1];
  if (parts.length > 3 || ![start, stop, step].every(Number.isInteger)) {
    fail("at", `a slice is [start, stop, step] of whole numbers, got [${parts.join(", ")}]`);
  }
  if (step < 1) fail("at", `the step of a slice must be positive, got ${step}`, "Use .flip(dim) to reverse");
  const clip = (i: number): number => Math.min(Math.max(i < 0 ? i + size : i, 0), size);
  const [from, until] = [clip(start), clip(stop)];
  const count = Math.max(Math.ceil((until - from) / step), 0);
  return count === size && step === 1 ? view : window(view, dim, from, count, step);
}

/** Index tensors of a mask (one a dimension) or of positions. */
function positions(item: Tensor, view: Tensor, dim: number): Tensor[] {
  if (item.dtype === "bool") {
    checkMask(item, view, dim);
    return nonzero(item).unbind(1);
  }
  if (item.dtype === "uint8" || item.isFloatingPoint()) {
    fail("at", `index tensors are int64 or bool, got ${item.dtype}`, 'Cast with .to("int64") or .to("bool")');
  }
  return [to(item, "int64")];
}

function checkMask(mask: Tensor, view: Tensor, dim: number): void {
  const covered = view.shape.slice(dim, dim + mask.ndim);
  if (mask.shape.some((size, d) => size !== covered[d])) {
    fail("at", `a mask of shape ${showShape(mask.shape)} does not cover ${showShape(covered)}`);
  }
}
