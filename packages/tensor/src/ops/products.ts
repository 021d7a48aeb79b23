/** Sums of products beyond matmul. */
import { isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { broadcastShapes, normalizeDim, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { stack } from "./joining.ts";
import { matmul } from "./linalg.ts";
import { needTensors } from "./pointwise.ts";
import { composite, op } from "./signature.ts";

function needVectors(name: string, ...vectors: readonly Tensor[]): void {
  needTensors(name, ...vectors);
  const wrong = vectors.find((x) => x.ndim !== 1);
  if (wrong) fail(name, `needs vectors, got ${showShape(wrong.shape)}`);
}

/**
 * All products of two vectors' elements, [n, m].
 * @see https://pytorch.org/docs/stable/generated/torch.outer.html
 * @example
 * tensor([1, 2]).outer(tensor([3, 4])); // tensor([[3, 4], [6, 8]])
 */
export const outer = composite("outer(input, vec2)", (input: Tensor, vec2: Tensor): Tensor => {
  needVectors("outer", input, vec2);
  return input.unsqueeze(1).mul(vec2);
});

/** {@link outer}. @see https://pytorch.org/docs/stable/generated/torch.ger.html */
export const ger = op("ger(input, vec2)", (input: Tensor, vec2: Tensor): Tensor => outer(input, vec2));

/** The inner product of two vectors. @see https://pytorch.org/docs/stable/generated/torch.vdot.html */
export const vdot = op("vdot(input, other)", (input: Tensor, other: Tensor): Tensor => input.dot(other));

/** Sums of products over the last dimensions of both. @see https://pytorch.org/docs/stable/generated/torch.inner.html */
export const inner = composite("inner(input, other)", (input: Tensor, other: Tensor): Tensor => {
  if (input.ndim === 0 || other.ndim === 0) return input.mul(other);
  return tensordot(input, other, [[-1], [-1]]);
});

/**
 * Sums of products over `dims`: so many last of the first and first of the second, or two lists.
 * @see https://pytorch.org/docs/stable/generated/torch.tensordot.html
 * @example
 * tensordot(rand(2, 3, 4), rand(3, 4, 5), 2).shape; // [2, 5]
 */
export const tensordot = composite(
  "tensordot(input, other, dims?)",
  (input: Tensor, other: Tensor, dims: number | readonly (readonly number[])[] = 2): Tensor => {
    const lists = typeof dims === "number" ? lastAndFirst(input, dims) : dims;
    const [a, b] = [input, other].map((x, i) => lists[i]!.map((dim) => normalizeDim("tensordot", dim, x.ndim))) as [
      number[],
      number[],
    ];
    if (a.length !== b.length || a.some((dim, i) => input.shape[dim] !== other.shape[b[i]!])) {
      fail(
        "tensordot",
        `dimensions [${a}] of ${showShape(input.shape)} and [${b}] of ${showShape(other.shape)} do not match`,
      );
    }
    const free = (x: Tensor, used: readonly number[]): number[] =>
      x.shape.flatMap((_, dim) => (used.includes(dim) ? [] : [dim]));
    const [rows, columns] = [free(input, a), free(other, b)];
    const size = sizeOf(a.map((dim) => input.shape[dim]!));
    const sizesOf = (x: Tensor, list: readonly number[]): number[] => list.map((dim) => x.shape[dim]!);
    const left = input.permute([...rows, ...a]).reshape([sizeOf(sizesOf(input, rows)), size]);
    const right = other.permute([...b, ...columns]).reshape([size, sizeOf(sizesOf(other, columns))]);
    return matmul(left, right).view([...sizesOf(input, rows), ...sizesOf(other, columns)]);
  },
);

function lastAndFirst(input: Tensor, count: number): number[][] {
  const range = Array.from({ length: count }, (_, i) => i);
  return [range.map((i) => input.ndim - count + i), range];
}

/**
 * Every element of the first times the whole second.
 * @see https://pytorch.org/docs/stable/generated/torch.kron.html
 * @example
 * tensor([[1, 2]]).kron(tensor([[1, 1]])); // tensor([[1, 1, 2, 2]])
 */
export const kron = composite("kron(input, other)", (input: Tensor, other: Tensor): Tensor => {
  const rank = Math.max(input.ndim, other.ndim);
  const padded = (x: Tensor): number[] => [...new Array<number>(rank - x.ndim).fill(1), ...x.shape];
  const [a, b] = [padded(input), padded(other)];
  const left = input.reshape(a.flatMap((size) => [size, 1]));
  const right = other.reshape(b.flatMap((size) => [1, size]));
  return left.mul(right).reshape(a.map((size, dim) => size * b[dim]!));
});

/** The vector product along a dimension of size 3: the first such, unless given. @see https://pytorch.org/docs/stable/generated/torch.cross.html */
export const cross = composite(
  "cross(input, other, dim?)",
  (input: Tensor, other: Tensor, dim?: number | null): Tensor => {
    const at = dim == null ? input.shape.indexOf(3) : normalizeDim("cross", dim, input.ndim);
    if (input.ndim !== other.ndim || input.shape[at] !== 3 || other.shape[at] !== 3) {
      fail(
        "cross",
        `needs size 3 in dimension ${dim ?? "any"}, got ${showShape(input.shape)} and ${showShape(other.shape)}`,
      );
    }
    const [a, b] = [input.unbind(at), other.unbind(at)] as [Tensor[], Tensor[]];
    const part = (i: number, j: number): Tensor => a[i]!.mul(b[j]!).sub(a[j]!.mul(b[i]!));
    return stack([part(1, 2), part(2, 0), part(0, 1)], at);
  },
);

/** beta · input + alpha · product; input does not count where beta is 0. Factors take the kind of the elements. */
function plus(input: Tensor, product: Tensor, beta: number, alpha: number): Tensor {
  const [a, b] = [alpha, beta].map((factor) => factorFor(input, factor)) as [number, number];
  const scaled = a === 1 ? product : times(product, a);
  if (b === 0) return scaled.expand(broadcastShapes("addmm", input.shape, product.shape));
  return (b === 1 ? input : input.mul(b)).add(scaled);
}

function times(x: Tensor, factor: number): Tensor {
  return x.dtype === "bool" ? x.logicalAnd(x.newFull([], factor)) : x.mul(factor);
}

function factorFor({ dtype }: Tensor, factor: number): number {
  if (isFloat(dtype)) return factor;
  return dtype === "bool" ? Number(factor !== 0) : Math.trunc(factor);
}

/**
 * beta · input + alpha · (mat1 @ mat2).
 * @see https://pytorch.org/docs/stable/generated/torch.addmm.html
 * @example
 * zeros(2, 2).addmm(ones(2, 3), ones(3, 2)); // tensor([[3., 3.], [3., 3.]])
 */
export const addmm = composite(
  "addmm(input, mat1, mat2, beta?, alpha?)",
  (input: Tensor, mat1: Tensor, mat2: Tensor, beta: number = 1, alpha: number = 1): Tensor => {
    const isOne = beta === 1 && alpha === 1 && isBiasOf(input, mat1, mat2);
    return isOne ? apply("matmul", [mat1, mat2, input]) : plus(input, mat1.mm(mat2), beta, alpha);
  },
  "AddmmBackward0",
);

/** Whether the op that multiplies matrices can add it: one number for each column of the product. */
function isBiasOf({ shape, dtype }: Tensor, a: Tensor, b: Tensor): boolean {
  if (shape.length !== 1 || a.ndim !== 2 || b.ndim !== 2 || dtype === "bool") return false;
  return shape[0] === b.shape[1] && a.shape[1] === b.shape[0] && a.dtype === dtype && b.dtype === dtype;
}

/** beta · input + alpha · (mat @ vec). @see https://pytorch.org/docs/stable/generated/torch.addmv.html */
export const addmv = composite(
  "addmv(input, mat, vec, beta?, alpha?)",
  (input: Tensor, mat: Tensor, vec: Tensor, beta: number = 1, alpha: number = 1): Tensor =>
    plus(input, mat.mv(vec), beta, alpha),
  "AddmvBackward0",
);

/** beta · input + alpha · (vec1 ⊗ vec2). @see https://pytorch.org/docs/stable/generated/torch.addr.html */
export const addr = composite(
  "addr(input, vec1, vec2, beta?, alpha?)",
  (input: Tensor, vec1: Tensor, vec2: Tensor, beta: number = 1, alpha: number = 1): Tensor => {
    needVectors("addr", vec1, vec2);
    return plus(input, outer(vec1, vec2), beta, alpha);
  },
  "AddrBackward0",
);

/** beta · input + alpha · (batch1 @ batch2). @see https://pytorch.org/docs/stable/generated/torch.baddbmm.html */
export const baddbmm = composite(
  "baddbmm(input, batch1, batch2, beta?, alpha?)",
  (input: Tensor, batch1: Tensor, batch2: Tensor, beta: number = 1, alpha: number = 1): Tensor =>
    plus(input, batch1.bmm(batch2), beta, alpha),
  "BaddbmmBackward0",
);

/** beta · input + alpha · Σ (batch1 @ batch2). @see https://pytorch.org/docs/stable/generated/torch.addbmm.html */
export const addbmm = composite(
  "addbmm(input, batch1, batch2, beta?, alpha?)",
  (input: Tensor, batch1: Tensor, batch2: Tensor, beta: number = 1, alpha: number = 1): Tensor =>
    plus(input, batch1.bmm(batch2).sum(0).to(input.dtype), beta, alpha),
  "AddbmmBackward0",
);
