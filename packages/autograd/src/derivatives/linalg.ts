/** Derivatives of products of matrices. */
import type { Operand, Tensor } from "@dl/tensor";
import { A, B, type Rules } from "./rule.ts";

const flipped = (x: Tensor): Tensor => x.transpose(-2, -1);

/** Whether it lies column-major. Its gradient is made so too: that of a transposed weight is row-major in the weight's own order. */
function columnMajor(x: Operand | undefined): boolean {
  const { strides, shape } = x as Tensor;
  return strides.at(-2) === 1 && shape.at(-1)! > 1 && strides.at(-1)! >= shape.at(-2)!;
}

export const linalg: Rules<"matmul"> = {
  matmul: {
    name: (_, shape) => (shape.length === 2 ? "MmBackward0" : "BmmBackward0"),
    note: ([a, b]) => [columnMajor(a), columnMajor(b)],
    wrt: [
      { reads: B, vjp: (g, { b }, { note }) => (note[0] ? flipped(b.matmul(flipped(g))) : g.matmul(flipped(b))) },
      { reads: A, vjp: (g, { a }, { note }) => (note[1] ? flipped(flipped(g).matmul(a)) : flipped(a).matmul(g)) },
      { reads: 0, vjp: (g) => g },
    ],
  },
};
