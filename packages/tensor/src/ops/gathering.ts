/** Elements and slices picked or placed by index tensors along one dimension. Gradients flow through the values. */
import { fail, showShape } from "../errors.ts";
import { tidy } from "../scope.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { apply, applyAll } from "./apply.ts";
import { to } from "./convert.ts";
import { type ValuesIndices, valuesIndices } from "./pairs.ts";
import { composite, op } from "./signature.ts";
import type { ScatterReduce } from "./table.ts";
import { corner } from "./windows.ts";

function checkIndex(name: string, index: Tensor): Tensor {
  if (index.dtype !== "int64" && index.dtype !== "int32") {
    fail(name, `the index must be int64 or int32, got ${index.dtype}`, 'Cast it with .to("int64")');
  }
  return to(index, "int64");
}

function alongside(name: string, input: Tensor, index: Tensor): [Tensor, Tensor] {
  const [x, at] = [input.ndim === 0 ? input.view(1) : input, index.ndim === 0 ? index.view(1) : index];
  if (x.ndim !== at.ndim) {
    fail(name, `index ${showShape(index.shape)} needs as many dimensions as ${showShape(input.shape)}`);
  }
  return [x, checkIndex(name, at)];
}

/** out[i][j] = input[index[i][j]][j] for dim 0. @see https://pytorch.org/docs/stable/generated/torch.gather.html */
export const gather = op("gather(input, dim, index)", (input: Tensor, dim: number, index: Tensor): Tensor => {
  const [x, at] = alongside("gather", input, index);
  const d = normalizeDim("gather", dim, x.ndim);
  if (at.shape.some((size, i) => i !== d && size > x.shape[i]!)) {
    fail("gather", `index ${showShape(index.shape)} is larger than ${showShape(input.shape)} outside dimension ${d}`);
  }
  const out = apply("gather", [x, at], { dim: d });
  return index.ndim === 0 ? out.view([]) : out;
});

function scatterInto(
  input: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | number,
  reduce: ScatterReduce,
  includeSelf: boolean,
): Tensor {
  const [x, at] = alongside("scatter", input, index);
  const d = normalizeDim("scatter", dim, x.ndim);
  const source =
    typeof src === "number" ? at.to(x.dtype).mul(0).add(src).to(x.dtype) : src.ndim === 0 ? src.view(1) : src;
  if (source.dtype !== x.dtype)
    fail("scatter", `the source is ${source.dtype}, the tensor ${x.dtype}`, "Cast one with .to");
  if (at.shape.some((size, i) => size > source.shape[i]! || (i !== d && size > x.shape[i]!))) {
    fail(
      "scatter",
      `index ${showShape(index.shape)} is larger than source ${showShape(source.shape)} or tensor ${showShape(input.shape)}`,
    );
  }
  const used = corner(source, at.shape);
  const out = apply("scatter", [x, at, used], { dim: d, reduce, includeSelf });
  return input.ndim === 0 ? out.view([]) : out;
}

const reductions: Readonly<Record<string, ScatterReduce>> = { add: "add", multiply: "prod" };

/**
 * A copy of `input` with out[index[i][j]][j] = src[i][j] for dim 0; `src` may be a number.
 * @see https://pytorch.org/docs/stable/generated/torch.scatter.html
 */
export const scatter = composite(
  "scatter(input, dim, index, src, reduce?)",
  (input: Tensor, dim: number, index: Tensor, src: Tensor | number, reduce?: string | null): Tensor => {
    if (reduce && !reductions[reduce]) fail("scatter", `unknown reduce "${reduce}"`, 'Use "add" or "multiply"');
    return scatterInto(input, dim, index, src, reduce ? reductions[reduce]! : "replace", true);
  },
);

/** Like {@link scatter}, adding. @see https://pytorch.org/docs/stable/generated/torch.scatter_add.html */
export const scatterAdd = composite(
  "scatterAdd(input, dim, index, src)",
  (input: Tensor, dim: number, index: Tensor, src: Tensor): Tensor => scatterInto(input, dim, index, src, "add", true),
);

/** Whole slices of `dim` at the positions of a 1-d index. @see https://pytorch.org/docs/stable/generated/torch.index_select.html */
export const indexSelect = composite(
  "indexSelect(input, dim, index)",
  (input: Tensor, dim: number, index: Tensor): Tensor => {
    if (index.ndim > 1) fail("indexSelect", `the index must be 1-d, got ${showShape(index.shape)}`);
    const at = checkIndex("indexSelect", index.ndim === 0 ? index.view(1) : index);
    if (input.ndim === 0) return apply("indexSelect", [input.view(1), at], { dim: 0 }).view([]);
    return apply("indexSelect", [input, at], { dim: normalizeDim("indexSelect", dim, input.ndim) });
  },
);

/** A copy with slices of `source` added at the positions of a 1-d index. @see https://pytorch.org/docs/stable/generated/torch.index_add.html */
export const indexAdd = composite(
  "indexAdd(input, dim, index, source, alpha?)",
  (input: Tensor, dim: number, index: Tensor, source: Tensor, alpha: number = 1): Tensor =>
    place("indexAdd", input, dim, index, alpha === 1 ? source : source.mul(alpha)),
);

/** A copy with slices of `source` written at the positions of a 1-d index. @see https://pytorch.org/docs/stable/generated/torch.Tensor.index_copy.html */
export const indexCopy = composite(
  "indexCopy(input, dim, index, source)",
  (input: Tensor, dim: number, index: Tensor, source: Tensor): Tensor => place("indexCopy", input, dim, index, source),
);

function place(name: "indexAdd" | "indexCopy", input: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  const scalar = input.ndim === 0;
  const [x, at, src] = [
    scalar ? input.view(1) : input,
    index.ndim === 0 ? index.view(1) : index,
    source.ndim === 0 ? source.view(1) : source,
  ];
  const d = normalizeDim(name, dim, x.ndim);
  const wanted = x.shape.with(d, at.numel());
  if (at.ndim > 1 || src.shape.length !== x.ndim || src.shape.some((size, i) => size !== wanted[i])) {
    fail(
      name,
      `index ${showShape(index.shape)} into ${showShape(input.shape)} needs a source of ${showShape(wanted)}, got ${showShape(source.shape)}`,
    );
  }
  if (src.dtype !== x.dtype) fail(name, `the source is ${src.dtype}, the tensor ${x.dtype}`, "Cast one with .to");
  const out = apply(name, [x, checkIndex(name, at), src], { dim: d });
  return scalar ? out.view([]) : out;
}

/** Sorted along `dim`, stable, NaN last, with int64 positions. @see https://pytorch.org/docs/stable/generated/torch.sort.html */
export const sort = op(
  "sort(input, dim?, descending?, stable?)",
  (input: Tensor, dim: number = -1, descending: boolean = false, _stable?: boolean): ValuesIndices => {
    const [values, indices] = applyAll("sort", [input], { dim: normalizeDim("sort", dim, input.ndim), descending });
    return valuesIndices(values!, indices!);
  },
);

/** The positions that would sort. @see https://pytorch.org/docs/stable/generated/torch.argsort.html */
export const argsort = composite(
  "argsort(input, dim?, descending?, stable?)",
  (input: Tensor, dim: number = -1, descending: boolean = false, _stable?: boolean): Tensor =>
    sort(input, dim, descending).indices,
);

/** The `k` largest (or smallest) along `dim`, sorted, with int64 positions. @see https://pytorch.org/docs/stable/generated/torch.topk.html */
export const topk = op(
  "topk(input, k, dim?, largest?, sorted?)",
  (input: Tensor, k: number, dim: number = -1, largest: boolean = true, _sorted?: boolean): ValuesIndices => {
    const d = normalizeDim("topk", dim, input.ndim);
    const size = input.shape[d] ?? 1;
    if (!(k >= 0 && k <= size)) fail("topk", `k is ${k}, but dimension ${d} has ${size} elements`);
    const [values, indices] = applyAll("topk", [input], { dim: d, k, largest });
    return valuesIndices(values!, indices!);
  },
);

function extreme(name: "argmax" | "argmin", input: Tensor, dim: number, keepdim: boolean): ValuesIndices {
  const indices =
    input.ndim === 0 ? input.to("int64").mul(0) : name === "argmax" ? input.argmax(dim, true) : input.argmin(dim, true);
  const values = input.ndim === 0 ? input.clone() : gather(input, dim, indices);
  const done = (x: Tensor): Tensor => (keepdim || input.ndim === 0 ? x : x.squeeze(dim));
  return valuesIndices(done(values), done(indices));
}

/**
 * `max(x)`: the largest element; `max(x, dim)`: the largest along `dim` and where; `max(x, other)`: element-wise.
 * @see https://pytorch.org/docs/stable/generated/torch.max.html
 */
export function max(input: Tensor): Tensor;
export function max(input: Tensor, other: Tensor): Tensor;
export function max(input: Tensor, dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
export function max(
  input: Tensor,
  dim?: number | Tensor,
  keepdim: boolean | { keepdim?: boolean } = false,
): Tensor | ValuesIndices {
  if (dim === undefined) return input.amax();
  if (typeof dim !== "number") return apply("maximum", [input, dim]);
  return tidy(() => extreme("argmax", input, dim, typeof keepdim === "boolean" ? keepdim : (keepdim.keepdim ?? false)));
}

/** The smallest, in the three forms of {@link max}. @see https://pytorch.org/docs/stable/generated/torch.min.html */
export function min(input: Tensor): Tensor;
export function min(input: Tensor, other: Tensor): Tensor;
export function min(input: Tensor, dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
export function min(
  input: Tensor,
  dim?: number | Tensor,
  keepdim: boolean | { keepdim?: boolean } = false,
): Tensor | ValuesIndices {
  if (dim === undefined) return input.amin();
  if (typeof dim !== "number") return apply("minimum", [input, dim]);
  return tidy(() => extreme("argmin", input, dim, typeof keepdim === "boolean" ? keepdim : (keepdim.keepdim ?? false)));
}
