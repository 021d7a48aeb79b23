/** Derivatives of products of matrices. */
import type { Operand, Tensor } from "@dl/tensor";
import { A, B, type Rules } from "./rule.ts";

const flipped = (x: Tensor): Tensor => x.transpose(-2, -1);

/** x · y, laid out column-major if asked: then the gradient of a transposed weight is row-major in the weight's own order. */
function product(x: Tensor, y: Tensor, columnMajor: boolean): Tensor {
  return columnMajor ? flipped(flipped(y).matmul(flipped(x))) : x.matmul(y);
}

function columnMajor(x: Operand | undefined): boolean {
  const { strides, shape } = x as Tensor;
  return strides.at(-2) === 1 && shape.at(-1)! > 1 && strides.at(-1)! >= shape.at(-2)!;
}

export const linalg: Rules<"matmul"> = {
  matmul: {
    name: (_, shape) => (shape.length === 2 ? "MmBackward0" : "BmmBackward0"),
    note: ([a, b]) => [columnMajor(a), columnMajor(b)],
    wrt: [
      { reads: B, vjp: (g, { b }, { note }) => product(g, flipped(b), note[0]) },
      { reads: A, vjp: (g, { a }, { note }) => product(flipped(a), g, note[1]) },
      { reads: 0, vjp: (g) => g },
    ],
  },
};
