/** Products of matrices: strided views as they are, to the packed multiplication. */
import { type DType, dtypes, type Shape, sizeOf, stridesOf, type View } from "@dl/tensor";
import { bytesPerElement, type ScalarName } from "../dense/element.ts";
import { type Batch, type GemmCall, gemm, type MatrixView } from "../dense/gemm.ts";
import { addressOf } from "../storage.ts";
import { convert } from "./copy.ts";
import type { Kernel, Output } from "./kernel.ts";
import { part } from "./movement.ts";
import { folds } from "./reduce.ts";
import { type Temporaries, viewOf, withTemporaries } from "./temporary.ts";

/** The dtypes that are multiplied as they lie; the others as float32 or int32, and back. */
const denseTypes: { readonly [D in DType]?: ScalarName } = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  int64: "i64",
};

export const matmul: Kernel<"matmul"> = ({ inputs }, [out]) => {
  const [a, b, bias] = inputs as readonly [View, View, View | undefined];
  const type = denseTypes[a.dtype];
  const isFloat = dtypes[a.dtype].kind === "float";
  if (!isFloat && !bias && isBulk(a, out!.shape) && multiplyExact(a, b, out!)) return;
  if (type !== undefined && !bias) return multiply(type, a, b, undefined, out!);
  withTemporaries(out!, (temporaries) => {
    if (type !== undefined) return multiply(type, a, b, temporaries.rowMajor(bias!), out!);
    const dtype = isFloat ? "float32" : "int32";
    const product = temporaries.make(out!.shape, dtype);
    const [x, y, z] = [a, b, bias].map((view) => view && temporaries.rowMajor(view, dtype));
    multiply(denseTypes[dtype]!, x!, y!, z, product);
    convert(product, out!);
  });
};

/** Products from which a look at all whole numbers pays, and rows and columns. */
const BULK = 2 ** 15;
const SIDE = 8;

function isBulk({ shape }: View, out: Shape): boolean {
  return sizeOf(out) * shape.at(-1)! >= BULK && Math.min(...out.slice(-2)) >= SIDE;
}

/** Whole numbers so small that all sums are exact are multiplied as floats; gives back whether they are. */
function multiplyExact(a: View, b: View, out: Output): boolean {
  return withTemporaries(out, (temporaries) => {
    const bound = magnitude(a, temporaries) * magnitude(b, temporaries) * a.shape.at(-1)!;
    if (bound > 2 ** 53) return false;
    const dtype = bound > 2 ** 24 ? "float64" : "float32";
    const product = temporaries.make(out.shape, dtype);
    multiply(denseTypes[dtype]!, temporaries.rowMajor(a, dtype), temporaries.rowMajor(b, dtype), undefined, product);
    // What is stored in fewer bits wraps around.
    convert(bound < 2 ** 31 || out.dtype === "int64" ? product : temporaries.rowMajor(product, "int64"), out);
    return true;
  });
}

/** The largest magnitude of any element. */
function magnitude(x: View, temporaries: Temporaries): number {
  const outputs = [0, 1].map(() => temporaries.make([], x.dtype));
  folds.extremes(
    { op: "extremes", inputs: [x], attrs: { dims: [...x.shape.keys()], keepdim: false }, outputs },
    outputs,
  );
  return Math.max(...outputs.map(({ storage }) => Math.abs(Number(storage.raw[0]))));
}

function multiply(type: ScalarName, a: View, b: View, bias: View | undefined, out: Output): void {
  const rank = out.shape.length;
  const [m, n] = [out.shape[rank - 2]!, out.shape[rank - 1]!];
  const call = { m, n, k: a.shape[rank - 1]!, a: matrix(a), b: matrix(b), c: { address: out.address, rowStride: n } };
  if (bias) gemm(type, { ...call, bias: addressOf(bias) });
  else if (type.startsWith("f") && isLong(call)) multiplyLong(type, call, out);
  else if (rank > 2) gemm(type, { ...call, batch: batchOf(a, b, out.shape) });
  else if (m * n * call.k < MANY || !isSymmetric(call)) gemm(type, call);
  else multiplySymmetric(type, call, out);
}

/** Products that add up so many steps to so few results go in parts of so many. */
const LONG = 2 ** 16;
const FEW = 64;
const PART = 2 ** 14;
/** So do others that are worth it and so narrow that one thread would multiply them, in few parts. */
const WORTH = 2 ** 20;
const NARROW = 64;
const PARTS = 8;

function isLong({ m, n, k }: GemmCall): boolean {
  return m * n <= FEW ? k >= LONG : Math.max(m, n) <= NARROW && m * n * k >= WORTH;
}

/** Equal parts are a batch; the few steps that are left are added to the first. */
function multiplyLong(type: ScalarName, call: GemmCall, out: Output): void {
  const { m, n, k, a, b } = call;
  const count = m * n <= FEW ? Math.floor(k / PART) : PARTS;
  const part = Math.floor(k / count);
  const steps = [part * a.columnStride, part * b.rowStride, m * n] as const;
  withTemporaries(out, (temporaries) => {
    const products = temporaries.make([count, m * n], out.dtype);
    const c = { address: products.address, rowStride: n };
    const [inA, inB, inC] = steps.map((step) => Array.from({ length: count }, (_, i) => i * step));
    gemm(type, { ...call, k: part, c, batch: { count, a: inA!, b: inB!, c: inC! } });
    const after = (matrix: MatrixView, step: number): MatrixView => ({
      ...matrix,
      address: matrix.address + count * step * bytesPerElement[type],
    });
    const rest = { ...call, k: k % part, a: after(a, steps[0]), b: after(b, steps[1]), c };
    if (rest.k > 0) gemm(type, { ...rest, accumulate: true });
    const attrs = { dims: [0], keepdim: false };
    folds.sum({ op: "sum", inputs: [products], attrs, outputs: [out] }, [out]);
  });
}

/** Products from which symmetry pays, fewest rows that are multiplied at a time, and panels of them at most. */
const MANY = 2 ** 23;
const PANEL = 120;
const PANELS = 8;

/** Whether a matrix meets its own transpose. */
function isSymmetric({ m, n, a, b }: GemmCall): boolean {
  return m === n && a.address === b.address && a.rowStride === b.columnStride && a.columnStride === b.rowStride;
}

/** Of two blocks that mirror each other the one above the diagonal is multiplied. */
function multiplySymmetric(type: ScalarName, call: GemmCall, out: Output): void {
  const { n, a, b, c } = call;
  const rows = Math.ceil(n / PANELS / PANEL) * PANEL;
  for (let i = 0; i < n; i += rows) {
    const end = Math.min(i + rows, n);
    const from = <M extends { readonly address: number }>(x: M, step: number): M => ({
      ...x,
      address: x.address + i * step * dtypes[out.dtype].bytes,
    });
    const sides = { a: from(a, a.rowStride), b: from(b, b.columnStride), c: from(c, n + 1) };
    gemm(type, { ...call, ...sides, m: end - i, n: n - i });
    const shape = [n - end, end - i];
    convert({ ...viewOf(part(out, shape, [i, end])), strides: [1, n] }, part(out, shape, [end, i]));
  }
}

function matrix(view: View): MatrixView {
  const rank = view.shape.length;
  return { address: addressOf(view), rowStride: view.strides[rank - 2]!, columnStride: view.strides[rank - 1]! };
}

function batchOf(a: View, b: View, shape: Shape): Batch {
  const batch = shape.slice(0, -2);
  const offsets = [a.strides, b.strides, stridesOf(shape)].map((strides) => matrixOffsets(batch, strides));
  return { count: sizeOf(batch), a: offsets[0]!, b: offsets[1]!, c: offsets[2]! };
}

/** Where the matrices of a batch begin, in elements. */
function matrixOffsets(shape: Shape, strides: Shape): Int32Array {
  const offsets = new Int32Array(sizeOf(shape));
  let count = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    for (let i = count; i < count * shape[dim]!; i++) offsets[i] = offsets[i - count]! + strides[dim]!;
    count *= shape[dim]!;
  }
  return offsets;
}
