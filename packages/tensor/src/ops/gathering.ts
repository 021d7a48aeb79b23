/** Elements and slices picked or placed by index tensors along one dimension. Gradients flow through the values. */
import { fail, showShape } from "../errors.ts";
import { normalizeDim } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { apply, applyAll } from "./apply.ts";
import { labelled } from "./labels.ts";
import { type ValuesIndices, valuesIndices } from "./pairs.ts";
import { scaled } from "./scaling.ts";
import { alongside, asVector, checkIndex, scatterInto } from "./scattering.ts";
import { composite, op } from "./signature.ts";
import type { ScatterReduce } from "./table.ts";
import { placeInto } from "./writing.ts";

/**
 * out[i][j] = input[index[i][j]][j] for dim 0.
 * @see https://pytorch.org/docs/stable/generated/torch.gather.html
 * @example
 * tensor([[1, 2], [3, 4]]).gather(1, tensor([[0], [1]])); // tensor([[1], [4]])
 */
export const gather = op("gather(input, dim, index)", (input: Tensor, dim: number, index: Tensor): Tensor => {
  const [x, at] = alongside("gather", input, index);
  const d = normalizeDim("gather", dim, x.ndim);
  if (at.shape.some((size, i) => i !== d && size > x.shape[i]!)) {
    fail("gather", `index ${showShape(index.shape)} is larger than ${showShape(input.shape)} outside dimension ${d}`);
  }
  const out = apply("gather", [x, at], { dim: d });
  return index.ndim === 0 ? out.view([]) : out;
});

const reductions: Readonly<Record<string, ScatterReduce>> = { add: "add", multiply: "prod" };

/**
 * A copy of `input` with out[index[i][j]][j] = src[i][j] for dim 0; `src` may be a number.
 * @see https://pytorch.org/docs/stable/generated/torch.scatter.html
 * @example
 * zeros(2, 3).scatter(1, tensor([[2], [0]]), 1); // tensor([[0., 0., 1.], [1., 0., 0.]])
 */
export const scatter = composite(
  "scatter(input, dim, index, src, reduce?)",
  (input: Tensor, dim: number, index: Tensor, src: Tensor | number, reduce?: string | null): Tensor => {
    if (reduce && !reductions[reduce]) fail("scatter", `unknown reduce "${reduce}"`, 'Use "add" or "multiply"');
    return scatterInto(input, dim, index, src, reduce ? reductions[reduce]! : "replace", true);
  },
);

/**
 * Like {@link scatter}, adding.
 * @see https://pytorch.org/docs/stable/generated/torch.scatter_add.html
 * @example
 * zeros(3).scatterAdd(0, tensor([0, 2, 2]), ones(3)); // tensor([1., 0., 2.])
 */
export const scatterAdd = composite(
  "scatterAdd(input, dim, index, src)",
  (input: Tensor, dim: number, index: Tensor, src: Tensor): Tensor => scatterInto(input, dim, index, src, "add", true),
  "ScatterAddBackward0",
);

/**
 * Whole slices of `dim` at the positions of a 1-d index.
 * @see https://pytorch.org/docs/stable/generated/torch.index_select.html
 * @example
 * tensor([[1, 2], [3, 4], [5, 6]]).indexSelect(0, tensor([2, 0])); // tensor([[5, 6], [1, 2]])
 */
export const indexSelect = composite(
  "indexSelect(input, dim, index)",
  (input: Tensor, dim: number, index: Tensor): Tensor => {
    if (index.ndim > 1) fail("indexSelect", `the index must be 1-d, got ${showShape(index.shape)}`);
    const [x, at] = [asVector(input), checkIndex("indexSelect", asVector(index))];
    const out = apply("indexSelect", [x, at], { dim: normalizeDim("indexSelect", dim, x.ndim) });
    return input.ndim === 0 ? out.view([]) : out;
  },
);

/**
 * A copy with slices of `source` added at the positions of a 1-d index.
 * @see https://pytorch.org/docs/stable/generated/torch.index_add.html
 * @example
 * zeros(3).indexAdd(0, tensor([0, 0]), floatTensor([1, 2])); // tensor([3., 0., 0.])
 */
export const indexAdd = composite(
  "indexAdd(input, dim, index, source, alpha?)",
  (input: Tensor, dim: number, index: Tensor, source: Tensor, alpha: number = 1): Tensor =>
    place("indexAdd", input, dim, index, scaled("indexAdd", input, source, alpha) as Tensor),
);

/** A copy with slices of `source` written at the positions of a 1-d index. @see https://pytorch.org/docs/stable/generated/torch.Tensor.index_copy.html */
export const indexCopy = composite(
  "indexCopy(input, dim, index, source)",
  (input: Tensor, dim: number, index: Tensor, source: Tensor): Tensor => place("indexCopy", input, dim, index, source),
);

function place(name: "indexAdd" | "indexCopy", input: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  const [x, at, src] = [input, index, source].map(asVector) as [Tensor, Tensor, Tensor];
  const d = normalizeDim(name, dim, x.ndim);
  const wanted = x.shape.with(d, at.numel());
  if (at.ndim > 1 || src.shape.length !== x.ndim || src.shape.some((size, i) => size !== wanted[i])) {
    fail(
      name,
      `index ${showShape(index.shape)} into ${showShape(input.shape)} needs a source of ${showShape(wanted)}, got ${showShape(source.shape)}`,
    );
  }
  if (src.dtype !== x.dtype) fail(name, `the source is ${src.dtype}, the tensor ${x.dtype}`, "Cast one with .to");
  const places = checkIndex(name, at);
  const out = placeInto(name, [x, places, src], { dim: d });
  return input.ndim === 0 ? out.view([]) : out;
}

/**
 * Sorted along `dim`, stable, NaN last, with int64 positions.
 * @see https://pytorch.org/docs/stable/generated/torch.sort.html
 * @example
 * const { values, indices } = tensor([3, 1, 2]).sort();
 * [values, indices]; // [tensor([1, 2, 3]), tensor([1, 2, 0])]
 * tensor([3, 1, 2]).sort({ descending: true }).values; // tensor([3, 2, 1])
 */
export const sort = op(
  "sort(input, dim?, descending?, stable?)",
  (input: Tensor, dim: number = -1, descending: boolean = false, _stable?: boolean): ValuesIndices => {
    const [values, indices] = applyAll("sort", [input], { dim: normalizeDim("sort", dim, input.ndim), descending });
    return valuesIndices(values!, indices!);
  },
);

/** Sorted along the first dimension. @see https://pytorch.org/docs/stable/generated/torch.msort.html */
export const msort = composite("msort(input)", (input: Tensor): Tensor => sort(input, 0).values);

/**
 * The positions that would sort.
 * @see https://pytorch.org/docs/stable/generated/torch.argsort.html
 * @example
 * tensor([3, 1, 2]).argsort(); // tensor([1, 2, 0])
 */
export const argsort = composite(
  "argsort(input, dim?, descending?, stable?)",
  (input: Tensor, dim: number = -1, descending: boolean = false, _stable?: boolean): Tensor =>
    sort(input, dim, descending).indices,
);

/**
 * The `k` largest (or smallest) along `dim`, sorted, with int64 positions.
 * @see https://pytorch.org/docs/stable/generated/torch.topk.html
 * @example
 * const { values, indices } = tensor([1, 4, 2, 3]).topk(2);
 * [values, indices]; // [tensor([4, 3]), tensor([1, 3])]
 */
export const topk = op(
  "topk(input, k, dim?, largest?, sorted?)",
  (input: Tensor, k: number, dim: number = -1, largest: boolean = true, _sorted?: boolean): ValuesIndices => {
    if (input.dtype === "bool") fail("topk", "bool tensors have no order", 'Cast with .to("int64")');
    const d = normalizeDim("topk", dim, input.ndim);
    const size = input.shape[d] ?? 1;
    if (!(k >= 0 && k <= size)) fail("topk", `k is ${k}, but dimension ${d} has ${size} elements`);
    const [values, indices] = applyAll("topk", [input], { dim: d, k, largest });
    return valuesIndices(values!, indices!);
  },
);

/** The three forms of max and min. */
interface Extreme {
  (input: Tensor): Tensor;
  (input: Tensor, other: Tensor): Tensor;
  (input: Tensor, dim: number | { readonly dim: number; readonly keepdim?: boolean }): ValuesIndices;
  (input: Tensor, dim: number, keepdim?: boolean | { readonly keepdim?: boolean }): ValuesIndices;
}

function extreme(name: "max" | "min"): Extreme {
  const body = (input: Tensor, dim?: number | Tensor | null, keepdim: boolean = false): Tensor | ValuesIndices => {
    if (!(input instanceof Tensor)) fail(name, `needs a tensor, got ${String(input)}`);
    if (dim == null) {
      return name === "max" ? labelled(input.amax(), "MaxBackward1") : labelled(input.amin(), "MinBackward1");
    }
    return typeof dim === "number" ? extremeAlong(name, input, dim, keepdim) : apply(`${name}imum`, [input, dim]);
  };
  return composite(`${name}(input, dim?, keepdim?)`, body) as never;
}

function extremeAlong(name: "max" | "min", input: Tensor, dim: number, keepdim: boolean): ValuesIndices {
  if (input.ndim === 0) {
    normalizeDim(name, dim, 0);
    return valuesIndices(input.clone(), input.detach().to("int64").mul(0));
  }
  const ranked = input.dtype === "bool" ? input.to("uint8") : input;
  const indices = name === "max" ? ranked.argmax(dim, true) : ranked.argmin(dim, true);
  const done = (x: Tensor): Tensor => (keepdim ? x : x.squeeze(dim));
  const values = labelled(done(gather(input, dim, indices)), name === "max" ? "MaxBackward0" : "MinBackward0");
  return valuesIndices(values, done(indices));
}

/**
 * `max(x)`: the largest element; `max(x, dim)`: the largest along `dim` and where; `max(x, other)`: element-wise.
 * @see https://pytorch.org/docs/stable/generated/torch.max.html
 */
export const max: Extreme = extreme("max");

/** The smallest, in the three forms of {@link max}. @see https://pytorch.org/docs/stable/generated/torch.min.html */
export const min: Extreme = extreme("min");
