/** What happens before a kernel sees its operands: devices agree, dtypes agree (or are promoted), shapes are expanded. */
import type { KernelInput } from "../backend.ts";
import { type DType, inRange, isFloat, isWhole, promoteTypes, resultType } from "../dtype.ts";
import { fail, showValue } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { broadcastShapes, expandStrides, type Shape, sameShape } from "../shape.ts";
import { state } from "../state.ts";
import type { Tensor } from "../tensor.ts";
import type { DTypeRule } from "./table.ts";

/** The first tensor: it decides the device. Calls without tensors have none. */
export function firstTensor(inputs: readonly Operand[]): Tensor | undefined {
  for (const input of inputs) if (typeof input !== "number") return input;
  return undefined;
}

export function checkDevices(op: string, inputs: readonly Operand[]): void {
  const first = firstTensor(inputs);
  for (const input of inputs) {
    if (typeof input === "number") continue;
    if (input?.storage === undefined) {
      fail(op, `needs tensors and numbers, got ${showValue(input)}`, "Make it one with tensor(…)");
    }
    if (input.storage.backend !== first!.storage.backend) {
      fail(op, `tensors are on "${first!.device}" and "${input.device}"`, `Move one with .to("${first!.device}")`);
    }
  }
}

/** The dtype that element-wise `inputs` meet in. Mixed dtypes are refused unless promotion is on. */
export function commonDType(op: string, inputs: readonly Operand[]): DType {
  let common: DType | undefined;
  let fractional = false;
  for (const input of inputs) {
    if (typeof input === "number") fractional ||= !isWhole(input);
    else if (common === undefined || common === input.dtype) common = input.dtype;
    else common = state.promotion ? promote(inputs) : failMixed(op, common, input.dtype);
  }
  common ??= fractional ? state.defaultDType : "int64";
  return fractional && !isFloat(common) ? state.defaultDType : common;
}

/** The dtype an element-wise row computes in. */
export function computeDType(op: string, rule: DTypeRule, inputs: readonly Operand[]): DType {
  const common = commonDType(op, inputs);
  if (rule === "float" && !isFloat(common)) return state.defaultDType;
  const withNumber = common === "bool" && rule !== "logical" && inputs.some((input) => typeof input === "number");
  return withNumber ? "int64" : common;
}

function promote(inputs: readonly Operand[]): DType {
  return resultType(...inputs.filter((input) => typeof input !== "number"));
}

function failMixed(op: string, a: DType, b: DType): never {
  return fail(
    op,
    `operands have dtypes ${a} and ${b}, and they do not mix`,
    `Cast with .to("${promoteTypes(a, b)}"), or allow promotion with setTypePromotion(true)`,
  );
}

export function broadcastAll(op: string, inputs: readonly Operand[]): Shape {
  let shape: Shape | undefined;
  for (const input of inputs) {
    if (typeof input === "number") continue;
    shape = shape === undefined ? input.shape : broadcastShapes(op, shape, input.shape);
  }
  return shape ?? [];
}

/** The operands as views of exactly `shape`: the same list where they are. */
export function expandAll(inputs: readonly Operand[], shape: Shape): readonly KernelInput[] {
  let views: KernelInput[] | undefined;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!;
    if (typeof input === "number" || sameShape(input.shape, shape)) continue;
    const { storage, dtype, offset } = input;
    views ??= [...inputs];
    views[i] = { storage, dtype, shape, strides: expandStrides(input.shape, input.strides, shape), offset };
  }
  return views ?? inputs;
}

/** A number beside a tensor: it must be one of the dtype's, or would become what it wraps around to, or infinite. */
export function limit<T>(op: string, beside: Operand, value: T): T {
  if (typeof value !== "number" || typeof beside !== "object") return value;
  return isFloat(beside.dtype) || isWhole(value) ? inRange(op, value, beside.dtype) : value;
}
