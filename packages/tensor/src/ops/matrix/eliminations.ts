/** Factors of square matrices, which systems with them and with their transposes share. */
import { fail } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { batchOf, matricesOf } from "./batches.ts";
import { type Block, blockOf, type Products, productsOn, turned } from "./block.ts";
import { eliminate, solveLower, solveUpper } from "./triangles.ts";

interface Elimination {
  /** L below the diagonal, U from it on. */
  readonly lu: Block;
  /** Which row of the matrix became each of theirs. */
  readonly rows: Float64Array;
}

export interface Eliminations {
  readonly each: readonly Elimination[];
  /** The systems are those of the transposes. */
  readonly isTurned: boolean;
}

/** @throws TensorError for a singular matrix */
export function eliminationsOf(name: string, A: Tensor): Eliminations {
  const products = productsOn(A.backend);
  const n = A.shape.at(-1)!;
  const each = matricesOf(A, name).map((lu) => {
    const rows = blockOf(
      Float64Array.from({ length: n }, (_, i) => i),
      n,
      1,
    );
    eliminate(lu, rows, products);
    refuseZeros(name, lu);
    return { lu, rows: rows.data };
  });
  return { each, isTurned: false };
}

/** @throws TensorError where the diagonal has a zero */
export function refuseZeros(name: string, { data, row }: Block): void {
  for (let at = 0; at < data.length; at += row + 1) {
    if (data[at] === 0) fail(name, "a matrix is singular", name === "inv" ? "Use linalg.pinv, or linalg.lstsq" : "");
  }
}

/** Constant solutions for sides that are used up, each with so many columns. */
export function solutionsBy(
  { each, isTurned }: Eliminations,
  A: Tensor,
  sides: readonly Block[],
  columns: number,
): Tensor {
  const products = productsOn(A.backend);
  const solve = isTurned ? solveTurned : solveStraight;
  const parts = sides.map((side, i) => solve(each[i]!, side, products));
  return batchOf(parts, A, [A.shape.at(-1)!, columns]);
}

function solveStraight({ lu, rows }: Elimination, b: Block, products: Products): Float64Array {
  const x = blockOf(new Float64Array(b.data.length), b.rows, b.columns);
  for (let i = 0; i < b.rows; i++) copyRow(b, rows[i]!, x, i);
  solveLower(lu, x, true, products);
  solveUpper(lu, x, false, products);
  return x.data;
}

function solveTurned({ lu, rows }: Elimination, b: Block, products: Products): Float64Array {
  const x = new Float64Array(b.data.length);
  solveLower(turned(lu), b, false, products);
  solveUpper(turned(lu), b, true, products);
  for (let i = 0; i < b.rows; i++) copyRow(b, i, blockOf(x, b.rows, b.columns), rows[i]!);
  return x;
}

/** b's row i, to x's row k; both lie row by row. */
function copyRow({ data, at, columns }: Block, i: number, x: Block, k: number): void {
  x.data.set(data.subarray(at + i * columns, at + (i + 1) * columns), k * columns);
}
