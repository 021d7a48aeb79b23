/** Products of matrices and vectors. */
import { fail, showShape } from "../errors.ts";
import { tidy } from "../scope.ts";
import { broadcastShapes, type Shape, sizeOf } from "../shape.ts";
import { needTensor, type Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { commonDType } from "./coerce.ts";
import { to } from "./convert.ts";
import { labelled } from "./labels.ts";

/**
 * The matrix product with PyTorch's rules: 1-d operands are vectors, leading dimensions are batches and broadcast.
 * @throws TensorError when the inner sizes differ
 * @see https://pytorch.org/docs/stable/generated/torch.matmul.html
 * @example
 * floatTensor([[1, 2], [3, 4]]).matmul(floatTensor([1, 1])); // tensor([3., 7.])
 * rand(8, 3, 4).matmul(rand(4, 5)).shape; // [8, 3, 5]
 */
export function matmul(input: Tensor, other: Tensor): Tensor {
  needTensor("matmul", input);
  needTensor("matmul", other);
  if (input.ndim === 0 || other.ndim === 0) {
    fail(
      "matmul",
      `needs at least 1 dimension each, got ${showShape(input.shape)} and ${showShape(other.shape)}`,
      "Use .mul",
    );
  }
  return product("matmul", input, other);
}

function product(op: string, input: Tensor, other: Tensor): Tensor {
  if (input.ndim === 2 && other.ndim === 2) return matrices(op, input, other);
  return tidy(() => {
    const a = input.ndim === 1 ? input.unsqueeze(0) : input;
    const b = other.ndim === 1 ? other.unsqueeze(1) : other;
    const product = matrices(op, a, b);
    const squeezed = other.ndim === 1 ? product.squeeze(-1) : product;
    const out = input.ndim === 1 ? squeezed.squeeze(other.ndim === 1 ? -1 : -2) : squeezed;
    if (other.ndim > 1 || input.ndim > 2) return out;
    return labelled(out, input.ndim === 1 ? "DotBackward0" : "MvBackward0");
  });
}

function matrices(op: string, a: Tensor, b: Tensor): Tensor {
  if (a.shape.at(-1) !== b.shape.at(-2)) {
    fail(op, `needs [n, k] and [k, m], got ${showShape(a.shape)} and ${showShape(b.shape)}`);
  }
  const dtype = commonDType(op, [a, b]);
  if (dtype === "bool") fail(op, "bool tensors have no products", 'Cast with .to("int64")');
  const [x, y] = [to(a, dtype), to(b, dtype)];
  // A matrix on the right serves every batch: one large product instead of many.
  if (x.ndim > 2 && y.ndim === 2) {
    const rows = x.reshape(sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!);
    return apply("matmul", [rows, y]).view([...x.shape.slice(0, -1), y.shape[1]!]);
  }
  if (x.ndim === 2 && y.ndim === 2) return apply("matmul", [x, y]);
  const batch = broadcastShapes(op, x.shape.slice(0, -2), y.shape.slice(0, -2));
  return apply("matmul", [batched(x, batch), batched(y, batch)]);
}

function batched(x: Tensor, batch: Shape): Tensor {
  return x.ndim - 2 === batch.length && batch.every((size, dim) => size === x.shape[dim])
    ? x
    : x.expand([...batch, ...x.shape.slice(-2)]);
}

function needRank(op: string, x: Tensor, rank: number): void {
  if (x.ndim !== rank) fail(op, `needs ${rank} dimensions, got ${showShape(x.shape)}`, "Use .matmul for other ranks");
}

/** [n, k] × [k, m]. @see https://pytorch.org/docs/stable/generated/torch.mm.html */
export function mm(input: Tensor, mat2: Tensor): Tensor {
  needRank("mm", input, 2);
  needRank("mm", mat2, 2);
  return matrices("mm", input, mat2);
}

/**
 * [b, n, k] × [b, k, m].
 * @see https://pytorch.org/docs/stable/generated/torch.bmm.html
 * @example
 * rand(8, 3, 4).bmm(rand(8, 4, 5)).shape; // [8, 3, 5]
 */
export function bmm(input: Tensor, mat2: Tensor): Tensor {
  needRank("bmm", input, 3);
  needRank("bmm", mat2, 3);
  if (input.shape[0] !== mat2.shape[0]) {
    fail("bmm", `batch sizes differ: ${showShape(input.shape)} and ${showShape(mat2.shape)}`);
  }
  return matrices("bmm", input, mat2);
}

/** [n, m] × [m]. @see https://pytorch.org/docs/stable/generated/torch.mv.html */
export function mv(input: Tensor, vec: Tensor): Tensor {
  needTensor("mv", vec);
  needRank("mv", input, 2);
  needRank("mv", vec, 1);
  return product("mv", input, vec);
}

/**
 * The inner product of two vectors.
 * @see https://pytorch.org/docs/stable/generated/torch.dot.html
 * @example
 * floatTensor([1, 2]).dot(floatTensor([3, 4])); // tensor(11.)
 */
export function dot(input: Tensor, tensor: Tensor): Tensor {
  needTensor("dot", tensor);
  needRank("dot", input, 1);
  needRank("dot", tensor, 1);
  if (input.dtype !== tensor.dtype)
    fail("dot", `dtypes ${input.dtype} and ${tensor.dtype} differ`, "Cast one with .to");
  return product("dot", input, tensor);
}
