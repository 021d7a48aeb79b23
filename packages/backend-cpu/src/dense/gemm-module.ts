/**
 * The exported function of a matrix multiplication module: it computes a range of *units*, the blocks of a fixed grid over
 * the matrices of a batch. The order of additions into an element of C depends on the shapes alone, never on the grid.
 */
import { type Func, type Local, load, type Module, op, when } from "../wasm/emitter.ts";
import { at, elements, min, type ScalarName, shareOf } from "./element.ts";
import { directProduct, scalarProduct } from "./gemm-direct.ts";
import { dotProduct } from "./gemm-dot.ts";
import { packedProduct } from "./gemm-packed.ts";
import { dispatch, type Numbered } from "./numbered.ts";
import { callByName, type Product, productParams } from "./product.ts";

/** The ways to multiply blocks (`mode`), see `gemm.ts`. */
export const SCALAR = 0;
export const DIRECT = 1;
export const DOT = 2;
export const PACKED = 3;

/**
 * There are `batch` matrices, each cut into a grid of blocks. `offsets` is the address of a table with three byte
 * offsets (A, B, C) for each matrix of the batch, or 0.
 */
const unitParams = [
  "chunk",
  "chunks",
  "mode",
  "batch",
  "gridRows",
  "gridColumns",
  "blockRows",
  "blockColumns",
  "offsets",
] as const;
const gemmParams = [...unitParams, ...productParams] as const;

type Locals = { readonly [K in (typeof gemmParams)[number]]: Local<"i32"> };

export function buildGemm(m: Module, name: ScalarName): void {
  const ways = productWays(m, name);
  m.func("gemm", gemmParams, (f, p) => {
    const units = op("i32.mul", p.batch, op("i32.mul", p.gridRows, p.gridColumns));
    shareOf(f, p, units, (unit) => multiplyUnit(f, p, unit, ways));
  });
}

function productWays(m: Module, name: ScalarName): Numbered<Product> {
  const scalar = scalarProduct(m, name);
  if (name === "i32" || name === "i64") return [[SCALAR, scalar]];
  const e = elements[name];
  return [
    [SCALAR, scalar],
    [DIRECT, directProduct(m, e, scalar)],
    [DOT, dotProduct(m, e)],
    [PACKED, packedProduct(m, e)],
  ];
}

/**
 * Multiplies a block. Units are numbered by matrix, then by column, then by row of the grid, so that neighbouring
 * units, which mostly go to the same thread, read the same columns.
 */
function multiplyUnit(f: Func, p: Locals, unit: Local<"i32">, ways: Numbered<Product>): void {
  const rest = f.let(op("i32.div_u", unit, p.gridRows));
  const i = f.let(op("i32.mul", op("i32.rem_u", unit, p.gridRows), p.blockRows));
  const j = f.let(op("i32.mul", op("i32.rem_u", rest, p.gridColumns), p.blockColumns));
  const table = f.let(op("i32.add", p.offsets, op("i32.mul", op("i32.div_u", rest, p.gridColumns), 12)));
  const offset = (operand: number) => when(p.offsets, load("i32.load", table, 4 * operand), 0);
  const rows = min(f, op("i32.sub", p.m, i), p.blockRows);
  const columns = min(f, op("i32.sub", p.n, j), p.blockColumns);
  const a = f.let(op("i32.add", at(p.a, i, p.aRow), offset(0)));
  const b = f.let(op("i32.add", at(p.b, j, p.bColumn), offset(1)));
  const inC = f.let(op("i32.add", at(op("i32.mul", i, p.cRow), j, p.cColumn), offset(2)));
  const c = f.let(op("i32.add", p.c, inC));
  const inAdd = at(op("i32.mul", i, p.addRow), j, p.addColumn);
  // C itself moves with the batch, biases do not.
  const ofBatch = when(op("i32.eq", p.add, p.c), offset(2), 0);
  const add = f.let(when(p.add, op("i32.add", op("i32.add", p.add, inAdd), ofBatch), 0));
  const block = { ...p, m: rows, n: columns, a, b, c, add };
  dispatch(f, p.mode, ways, (way) => callByName(f, way, block));
}
