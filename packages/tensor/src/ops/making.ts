/** Tensors from a rule, beyond those of creation.ts. */
import { type DType, dtypes, isFloat, isWhole, resultType as resultOf } from "../dtype.ts";
import { fail } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { getBackend, getDefaultDtype } from "../registry.ts";
import { tidy } from "../scope.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { empty, finish, fromArray, linspace, type TensorOptions } from "./creation.ts";

/** int32 numbers that the host writes, where the tensor lies if it can. */
export function wholeNumbers(shape: Shape, device: string | undefined, write: (flat: Int32Array) => void): Tensor {
  const backend = getBackend(device);
  if (!backend.hostMemory) {
    const flat = new Int32Array(sizeOf(shape));
    write(flat);
    return fromArray(flat, shape, { device });
  }
  const made = empty(shape, { dtype: "int32", device });
  write(backend.hostMemory(made.storage) as Int32Array);
  return made;
}

function triangleIndices(
  rows: number,
  columns: number,
  /** The columns of a row: from, to. */
  span: (row: number) => readonly [number, number],
  options: TensorOptions,
): Tensor {
  const dtype: DType = options.dtype ?? "int64";
  if (dtypes[dtype].kind === "float") fail("triangle indices", `need a whole-number dtype, got ${dtype}`);
  const spans = Array.from({ length: rows }, (_, row) => span(row).map((at) => Math.min(Math.max(at, 0), columns)));
  const count = spans.reduce((sum, [from, to]) => sum + to! - from!, 0);
  const all = BigInt64Array.from({ length: columns }, (_, column) => BigInt(column));
  return tidy(() => {
    const made = empty([2, count], { dtype: "int64", device: options.device });
    const memory = made.backend.hostMemory?.(made.storage) as BigInt64Array | undefined;
    const flat = memory ?? new BigInt64Array(2 * count);
    let at = 0;
    for (const [row, [from, to]] of spans.entries()) {
      flat.set(all.subarray(from, to), count + at);
      flat.fill(BigInt(row), at, at + to! - from!);
      at += to! - from!;
    }
    return (memory ? made : fromArray(flat, [2, count], { device: options.device })).to(dtype);
  });
}

/**
 * [2, n] positions of the lower triangle.
 * @see https://pytorch.org/docs/stable/generated/torch.tril_indices.html
 * @example
 * trilIndices(2, 2); // tensor([[0, 1, 1], [0, 0, 1]])
 */
export function trilIndices(row: number, col: number, ...rest: TriangleRest): Tensor {
  const [offset, options] = readRest(rest);
  return triangleIndices(row, col, (r) => [0, r + offset + 1], options);
}

/** [2, n] positions of the upper triangle. @see https://pytorch.org/docs/stable/generated/torch.triu_indices.html */
export function triuIndices(row: number, col: number, ...rest: TriangleRest): Tensor {
  const [offset, options] = readRest(rest);
  return triangleIndices(row, col, (r) => [r + offset, col], options);
}

type TriangleOptions = TensorOptions & { readonly offset?: number };
type TriangleRest = readonly [offset?: number, options?: TriangleOptions] | readonly [options: TriangleOptions];

function readRest(rest: TriangleRest): [number, TensorOptions] {
  const [first, second] = typeof rest[0] === "object" ? [undefined, rest[0]] : (rest as [number?, TriangleOptions?]);
  const { offset = first ?? 0, ...options } = second ?? {};
  return [offset, options];
}

/**
 * base^start … base^end, `steps` values evenly spaced in the exponent.
 * @see https://pytorch.org/docs/stable/generated/torch.logspace.html
 * @example
 * logspace(0, 2, 3); // tensor([ 1., 10., 100.])
 */
export function logspace(
  start: number,
  end: number,
  steps: number,
  ...rest: readonly [base?: number, options?: TensorOptions] | readonly [options: TensorOptions]
): Tensor {
  const [base, options] = typeof rest[0] === "object" ? [10, rest[0]] : [rest[0] ?? 10, rest[1] ?? {}];
  const dtype = options.dtype ?? getDefaultDtype();
  const [from, to] = isFloat(dtype) ? [start, end] : [Math.trunc(start), Math.trunc(end)];
  return finish(
    tidy(() => {
      const exponents = linspace(from, to, steps, { dtype: "float64" });
      // Where the result is narrower than what it is computed in, a product and a rounding more do not show.
      const isNarrow = base > 0 && isFloat(dtype) && dtype !== "float64";
      const powers = isNarrow ? exponents.mul(Math.log(base)).exp() : apply("pow", [base, exponents]);
      return powers.to(dtype).to(options.device ?? powers.device);
    }),
    options,
  );
}

/**
 * The dtype that operands meet in under promotion. Numbers matter least: a fraction makes whole numbers floats.
 * @see https://pytorch.org/docs/stable/generated/torch.result_type.html
 */
export function resultType(...operands: readonly Operand[]): DType {
  const tensors = operands.filter((operand) => typeof operand !== "number");
  const numbers = operands.filter((operand) => typeof operand === "number");
  const common = tensors.length > 0 ? resultOf(...tensors) : "bool";
  if (numbers.length === 0 || isFloat(common)) return common;
  if (!numbers.every(isWhole)) return getDefaultDtype();
  return common === "bool" ? "int64" : common;
}
