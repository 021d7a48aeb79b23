/** Element-wise calls and sources of numbers: remembered, not launched. */
import { type BinaryOp, type DType, type KernelOp, sizeOf, type TensorMeta, type UnaryOp } from "@dl/tensor";
import type { Cell, Row } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { type BinaryRow, binary, where as choose, cast as convert, type UnaryRow, unary } from "../wgsl/elementwise.ts";
import { draw } from "../wgsl/philox.ts";
import { kindOf } from "../wgsl/types.ts";
import type { Call, Kernel } from "./kernel.ts";

function expressed(engine: Engine, call: Call<KernelOp>, row: Row, computes: DType): Cell[] {
  const { dtype, shape } = call.outputs[0]!;
  return [engine.express(call.op, row, call.inputs, computes, dtype, sizeOf(shape))];
}

/** The dtype of the first operand that is no number. */
function operandDType({
  inputs,
  outputs,
}: {
  inputs: Call<KernelOp>["inputs"];
  outputs: readonly TensorMeta[];
}): DType {
  for (const input of inputs) if (typeof input !== "number") return input.cell.dtype;
  return outputs[0]!.dtype;
}

function unaryKernel(row: UnaryRow): Kernel<UnaryOp> {
  return (engine, call) => {
    const dtype = operandDType(call);
    return expressed(engine, call, ([x]) => row(x!, kindOf(dtype)), dtype);
  };
}

function binaryKernel(row: BinaryRow): Kernel<BinaryOp> {
  return (engine, call) => {
    const dtype = operandDType(call);
    return expressed(engine, call, ([x, y]) => row(x!, y!, kindOf(dtype)), dtype);
  };
}

const mapRows = <R, K>(rows: { readonly [op: string]: R }, make: (row: R) => K): Record<string, K> =>
  Object.fromEntries(Object.entries(rows).map(([op, row]) => [op, make(row)]));

export const unaryKernels = mapRows(unary, unaryKernel) as { readonly [K in UnaryOp]: Kernel<K> };
export const binaryKernels = mapRows(binary, binaryKernel) as { readonly [K in BinaryOp]: Kernel<K> };

export const where: Kernel<"where"> = (engine, call) =>
  expressed(engine, call, ([condition, x, y]) => choose(condition!, x!, y!), call.outputs[0]!.dtype);

export const cast: Kernel<"cast"> = (engine, call) => {
  const from = operandDType(call);
  const to = kindOf(call.outputs[0]!.dtype);
  return expressed(engine, call, ([x]) => convert(x!, kindOf(from), to), from);
};

export const copy: Kernel<"copy"> = (engine, call) => expressed(engine, call, ([x]) => x!, operandDType(call));

export const full: Kernel<"full"> = (engine, { op, attrs: { shape, dtype, value } }) => [
  engine.express(op, ([x]) => x!, [value], dtype, dtype, sizeOf(shape)),
];

export const arange: Kernel<"arange"> = (engine, { op, attrs: { shape, dtype, start, step, end } }) => {
  const count = sizeOf(shape);
  const place = (i: string): string => convert(`bitcast<i32>(${i})`, "int", kindOf(dtype));
  const ahead: Row = ([first, by], i) => `${first} + ${place(i)} * ${by}`;
  if (end === undefined) return [engine.express(op, ahead, [start, step], dtype, dtype, count)];
  const fromBothEnds: Row = (xs, i) => {
    const [, by, last, top] = xs;
    return `select(${last} - (${top} - ${place(i)}) * ${by}, ${ahead(xs, i)}, 2 * ${place(i)} <= ${top})`;
  };
  return [engine.express(`${op} to`, fromBothEnds, [start, step, end, count - 1], dtype, dtype, count)];
};

/** Words as operands: they are read as the 32 bits that they are. */
export const random: Kernel<"random"> = (engine, { attrs: { shape, dtype, distribution, seed, offset } }) => {
  const words = [seed[0], seed[1], offset, Math.floor(offset / 2 ** 32)].map((word) => word | 0);
  return [engine.express(`random ${distribution}`, draw(distribution), words, "int32", dtype, sizeOf(shape))];
};
