/** Reductions over dimensions and running folds along one. `dim` is one dimension, several, or none for all. */
import { type DType, dtypes, isFloat } from "../dtype.ts";
import { fail } from "../errors.ts";
import { normalizeDim, normalizeDims, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { apply, applyAll } from "./apply.ts";
import { needElements } from "./extremes.ts";
import { labelled } from "./labels.ts";
import { type ValuesIndices, valuesIndices } from "./pairs.ts";
import { composite, op } from "./signature.ts";
import type { ReduceOp, ScanOp } from "./table.ts";

/** One dimension, several, or all (`null`, nothing, or an empty list). */
export type Dims = number | readonly number[] | null;

function reduce(name: ReduceOp, input: Tensor, dim: Dims | undefined, keepdim: boolean): Tensor {
  const dims = normalizeDims(name, dim, input.ndim);
  return apply(name, [input], { dims, keepdim });
}

function castTo(input: Tensor, dtype: DType | null | undefined): Tensor {
  return dtype && dtype !== input.dtype ? apply("cast", [input], { dtype }) : input;
}

/**
 * The sum; int64 for whole numbers and bools.
 * @see https://pytorch.org/docs/stable/generated/torch.sum.html
 * @example
 * const x = floatTensor([[1, 2], [3, 4]]);
 * x.sum(); // tensor(10.)
 * x.sum(0); // tensor([4., 6.])
 * x.sum({ dim: 1, keepdim: true }); // tensor([[3.], [7.]])
 */
export const sum = op(
  "sum(input, dim?, keepdim?, dtype?)",
  (input: Tensor, dim?: Dims, keepdim: boolean = false, dtype?: DType | null): Tensor => {
    const out = castTo(reduce("sum", castTo(input, dtype), dim, keepdim), dtype);
    return dim == null ? out : labelled(out, "SumBackward1");
  },
);

/**
 * The product over one dimension or all.
 * @see https://pytorch.org/docs/stable/generated/torch.prod.html
 * @example
 * tensor([2, 3, 4]).prod(); // tensor(24)
 */
export const prod = op(
  "prod(input, dim?, keepdim?, dtype?)",
  (input: Tensor, dim?: Dims, keepdim: boolean = false, dtype?: DType | null): Tensor =>
    castTo(reduce("prod", castTo(input, dtype), dim, keepdim), dtype),
);

/**
 * The mean of a float tensor.
 * @see https://pytorch.org/docs/stable/generated/torch.mean.html
 * @example
 * floatTensor([[1, 2], [3, 4]]).mean(1); // tensor([1.5000, 3.5000])
 */
export const mean = composite(
  "mean(input, dim?, keepdim?, dtype?)",
  (input: Tensor, dim?: Dims, keepdim: boolean = false, dtype?: DType | null): Tensor => {
    const x = castTo(input, dtype);
    if (dtypes[x.dtype].kind !== "float")
      fail("mean", `needs a float dtype, got ${x.dtype}`, 'Cast with .to("float32")');
    const count = sizeOf(normalizeDims("mean", dim, x.ndim).map((d) => x.shape[d]!));
    return labelled(reduce("sum", x, dim, keepdim).div(count), dim == null ? "MeanBackward0" : "MeanBackward1");
  },
);

/**
 * The largest element.
 * @see https://pytorch.org/docs/stable/generated/torch.amax.html
 * @example
 * tensor([[1, 5], [3, 4]]).amax(1); // tensor([5, 4])
 */
export const amax = op("amax(input, dim?, keepdim?)", (input: Tensor, dim?: Dims, keepdim: boolean = false): Tensor => {
  needElements("amax", input, dim);
  return labelled(reduce("amax", input, dim, keepdim), "AmaxBackward0");
});

/** The smallest element. @see https://pytorch.org/docs/stable/generated/torch.amin.html */
export const amin = op("amin(input, dim?, keepdim?)", (input: Tensor, dim?: Dims, keepdim: boolean = false): Tensor => {
  needElements("amin", input, dim);
  return labelled(reduce("amin", input, dim, keepdim), "AminBackward0");
});

function arg(name: "argmax" | "argmin", input: Tensor, dim: number | null | undefined, keepdim: boolean): Tensor {
  needElements(name, input, dim);
  if (input.dtype === "bool") fail(name, "bool tensors have no order", 'Cast with .to("int64")');
  return reduce(name, input, dim, keepdim);
}

/**
 * int64 position of the first largest element, in the flattened tensor when no `dim` is given.
 * @see https://pytorch.org/docs/stable/generated/torch.argmax.html
 * @example
 * tensor([[1, 5], [3, 4]]).argmax(1); // tensor([1, 1])
 */
export const argmax = op(
  "argmax(input, dim?, keepdim?)",
  (input: Tensor, dim?: number | null, keepdim: boolean = false): Tensor => arg("argmax", input, dim, keepdim),
);

/** int64 position of the first smallest element. @see https://pytorch.org/docs/stable/generated/torch.argmin.html */
export const argmin = op(
  "argmin(input, dim?, keepdim?)",
  (input: Tensor, dim?: number | null, keepdim: boolean = false): Tensor => arg("argmin", input, dim, keepdim),
);

/** Flags, of uint8 as uint8: there they stood for bools before bools were. */
function flags(name: "any" | "all", input: Tensor, dim: Dims | undefined, keepdim: boolean): Tensor {
  const found = reduce(name, input, dim, keepdim);
  return input.dtype === "uint8" ? castTo(found, "uint8") : found;
}

/**
 * Whether any element is non-zero.
 * @see https://pytorch.org/docs/stable/generated/torch.any.html
 * @example
 * tensor([0, 1]).any(); // tensor(True)
 */
export const any = op(
  "any(input, dim?, keepdim?)",
  (input: Tensor, dim?: Dims, keepdim: boolean = false): Tensor => flags("any", input, dim, keepdim),
);

/**
 * Whether all elements are non-zero.
 * @see https://pytorch.org/docs/stable/generated/torch.all.html
 * @example
 * tensor([0, 1]).all(); // tensor(False)
 */
export const all = op(
  "all(input, dim?, keepdim?)",
  (input: Tensor, dim?: Dims, keepdim: boolean = false): Tensor => flags("all", input, dim, keepdim),
);

function scan(name: ScanOp, input: Tensor, dim: number): Tensor[] {
  return applyAll(name, [input], { dim: normalizeDim(name, dim, input.ndim) });
}

/**
 * The running sum.
 * @see https://pytorch.org/docs/stable/generated/torch.cumsum.html
 * @example
 * tensor([1, 2, 3]).cumsum(0); // tensor([1, 3, 6])
 */
export const cumsum = op(
  "cumsum(input, dim, dtype?)",
  (input: Tensor, dim: number, dtype?: DType | null): Tensor =>
    castTo(scan("cumsum", castTo(input, dtype), dim)[0]!, dtype),
);

/** The running product. @see https://pytorch.org/docs/stable/generated/torch.cumprod.html */
export const cumprod = op(
  "cumprod(input, dim, dtype?)",
  (input: Tensor, dim: number, dtype?: DType | null): Tensor =>
    castTo(scan("cumprod", castTo(input, dtype), dim)[0]!, dtype),
);

/** The running log(Σ eˣ). @see https://pytorch.org/docs/stable/generated/torch.logcumsumexp.html */
export const logcumsumexp = op("logcumsumexp(input, dim)", (input: Tensor, dim: number): Tensor => {
  if (!isFloat(input.dtype)) fail("logcumsumexp", `needs a float dtype, got ${input.dtype}`);
  return scan("logcumsumexp", input, dim)[0]!;
});

/**
 * The running maximum and where it was met.
 * @see https://pytorch.org/docs/stable/generated/torch.cummax.html
 * @example
 * tensor([1, 3, 2]).cummax(0).values; // tensor([1, 3, 3])
 */
export const cummax = op("cummax(input, dim)", (input: Tensor, dim: number): ValuesIndices => {
  const [values, indices] = scan("cummax", input, dim);
  return valuesIndices(values!, indices!);
});

/** The running minimum and where it was met. @see https://pytorch.org/docs/stable/generated/torch.cummin.html */
export const cummin = op("cummin(input, dim)", (input: Tensor, dim: number): ValuesIndices => {
  const [values, indices] = scan("cummin", input, dim);
  return valuesIndices(values!, indices!);
});
