/**
 * The kernels of the element-wise families. They turn the rows of `unary.ts` and `binary.ts` into an {@link
 * Elementwise} for each dtype, on first use, and can write any view. For some calls, such as powers with a constant
 * exponent, there are faster formulas than the general row.
 */
import {
  type BinaryOp,
  binaryOps,
  type DType,
  fail,
  isFloat,
  type KernelCall,
  type KernelInput,
  sizeOf,
  type TensorMeta,
  type UnaryOp,
  unaryOps,
  type View,
} from "@dl/tensor";
import { threads } from "../runtime/index.ts";
import { access } from "./access.ts";
import { binary } from "./binary.ts";
import { casts, convert, fill } from "./copy.ts";
import { Elementwise, perDType } from "./elementwise.ts";
import { constant, div, eq, input, mul, type Node, nonzero, pmax, pmin, select, shl, shr, sqrt } from "./expression.ts";
import type { Kernel, Output } from "./kernel.ts";
import { bySlices, withTemporaries } from "./temporary.ts";
import { turnedPlanes } from "./turn.ts";
import { unary } from "./unary.ts";

const resultOf = (rule: string, dtype: DType): DType => (rule === "bool" || rule === "logical" ? "bool" : dtype);

function dtypeOf(inputs: readonly KernelInput[], out: TensorMeta): DType {
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (typeof x !== "number") return x.dtype;
  }
  return out.dtype;
}

/** From so many elements on, transposed operands are copied first: transposing in blocks is several times faster. */
const STRAIGHTEN = 4096;
/**
 * A single thread copies and computes so many elements at a time, while the copies are in its cache. With several
 * threads that gains nothing, since an element may be copied by one and computed by another.
 */
const NEAR = 2 ** 16;

export function launch(kernel: Elementwise, inputs: readonly KernelInput[], out: Output): void {
  if (sizeOf(out.shape) < STRAIGHTEN || !inputs.some(isTurned)) kernel.launch(inputs, out);
  else {
    const [size] = out.shape as readonly [number];
    const most = threads.count > 1 ? size : Math.ceil((NEAR * size) / sizeOf(out.shape));
    bySlices(inputs, out, 0, most, (xs, part) => {
      withTemporaries(part, (temporaries) => {
        const straight = xs.map((x) => (isTurned(x) ? temporaries.rowMajor(x) : x));
        kernel.launch(straight, part);
      });
    });
  }
}

function isTurned(x: KernelInput): x is View {
  return typeof x !== "number" && turnedPlanes(x) !== undefined;
}

/** Chooses the formula for the inputs of a call. */
type Pick = (inputs: readonly KernelInput[], out: TensorMeta) => Elementwise;

function unaryFormula(op: UnaryOp): Pick {
  const pick = perDType(
    (dtype) => new Elementwise(op, [dtype], resultOf(unaryOps[op].dtype, dtype), (x) => unary[op](x!, dtype)),
  );
  return (inputs, out) => pick(dtypeOf(inputs, out));
}

function binaryFormula(op: BinaryOp): Pick {
  const pick = perDType(
    (dtype) => new Elementwise(op, [dtype, dtype], resultOf(binaryOps[op].dtype, dtype), (a, b) => binary[op](a!, b!)),
  );
  return (inputs, out) => pick(dtypeOf(inputs, out));
}

const divisors = new Set<string>(["floorDivide", "remainder", "fmod"]);

/** Throws if whole numbers are divided by 0, where the instruction would trap. */
function checked<K extends UnaryOp | BinaryOp | "where">(op: K, kernel: Kernel<K>): Kernel<K> {
  return (call, outputs) => {
    const [, divisor] = call.inputs as readonly [KernelInput, KernelInput];
    if (!isFloat(dtypeOf(call.inputs, outputs[0]!)) && hasZero(divisor, outputs[0]!)) {
      fail(op, "a whole number is divided by zero", "Cast to a float dtype, or replace the zeros");
    }
    kernel(call, outputs);
  };
}

const isZero = perDType((dtype) => new Elementwise("isZero", [dtype], "bool", (x) => eq(x!, 0)));

function hasZero(divisor: KernelInput, owner: Output): boolean {
  if (typeof divisor === "number") return divisor === 0;
  return withTemporaries(owner, (temporaries) => {
    const flags = temporaries.make(divisor.shape, "bool");
    isZero(divisor.dtype).launch([divisor], flags);
    return flags.storage.raw.indexOf(1 as never) >= 0;
  });
}

/** Exponents for which there is a cheaper formula. At the edges (0, ∞, NaN) its results count, as in PyTorch. */
const powers: ReadonlyMap<number, (x: Node) => Node> = new Map([
  [1, (x) => x],
  [2, (x) => mul(x, x)],
  [3, (x) => mul(mul(x, x), x)],
  [0.5, sqrt],
  [-0.5, (x) => unary.rsqrt(x, "float32")],
  [-1, (x) => div(1, x)],
  [-2, (x) => div(1, mul(x, x))],
]);
const powersPerDType = new Map(
  Array.from(powers, ([exponent, row]) => [
    exponent,
    perDType((dtype) => new Elementwise(`pow ${exponent}`, [dtype], dtype, (x) => row(x!))),
  ]),
);

/** The formula for exponent 0, which reads no input. */
const ones = perDType((dtype) => {
  const { raw, decode } = access[dtype];
  const { type } = decode(input(0, raw));
  return new Elementwise(`ones ${dtype}`, [], dtype, () => constant(type, 1));
});

function powFormula(): Pick {
  const general = binaryFormula("pow");
  return (inputs, out) => {
    const [dtype, exponent] = [dtypeOf(inputs, out), inputs[1]];
    if (exponent === 0) return ones(dtype);
    const isSpecial = typeof exponent === "number" && (exponent >= 0 || isFloat(dtype));
    const special = isSpecial ? powersPerDType.get(exponent) : undefined;
    return special?.(dtype) ?? general(inputs, out);
  };
}

/** Vectors can be shifted only by one distance for all lanes: there is a formula for each number below 32. */
function shiftFormula(op: "bitwiseLeftShift" | "bitwiseRightShift", shift: (x: Node, by: number) => Node): Pick {
  const general = binaryFormula(op);
  const short = Array.from({ length: 32 }, (_, by) =>
    perDType((dtype) => new Elementwise(`${op} ${by}`, [dtype], dtype, (x) => shift(x!, by))),
  );
  return (inputs, out) => {
    const [, by] = inputs;
    return (typeof by === "number" ? short[by] : undefined)?.(dtypeOf(inputs, out)) ?? general(inputs, out);
  };
}

/** A number of at least this magnitude is not rounded to 0 in any float dtype. (NaN is not either.) */
const LEAST = 2 ** -24;

/**
 * With a bound that is neither 0 nor NaN, `maximum` and `minimum` are a single instruction, which passes on a NaN on
 * the left. Otherwise they have to care about NaN on the right, and about the sign of 0.
 */
function extremeFormula(op: "maximum" | "minimum", nearer: (x: Node, bound: Node) => Node): Pick {
  const general = binaryFormula(op);
  const bounded = perDType(
    (dtype) => new Elementwise(`${op} bounded`, [dtype, dtype], dtype, (x, y) => nearer(x!, y!)),
  );
  return (inputs, out) => {
    const [dtype, bound] = [dtypeOf(inputs, out), inputs[1]];
    return typeof bound === "number" && Math.abs(bound) >= LEAST && isFloat(dtype)
      ? bounded(dtype)
      : general(inputs, out);
  };
}

const copy = ({ inputs: [x] }: { readonly inputs: readonly KernelInput[] }, [out]: readonly Output[]): void =>
  convert(x as View, out!);
const choices = perDType(
  (dtype) => new Elementwise("where", ["bool", dtype, dtype], dtype, (c, a, b) => select(nonzero(c!), a!, b!)),
);

function rowsOf<T extends string, R>(
  table: { readonly [K in T]: unknown },
  make: (op: T) => R,
): { readonly [K in T]: R } {
  return Object.fromEntries((Object.keys(table) as T[]).map((op) => [op, make(op)])) as { [K in T]: R };
}

const formulas: { readonly [K in UnaryOp | BinaryOp | "where"]: Pick } = {
  ...rowsOf(unary, unaryFormula),
  ...rowsOf(binary, binaryFormula),
  maximum: extremeFormula("maximum", pmax),
  minimum: extremeFormula("minimum", pmin),
  pow: powFormula(),
  bitwiseLeftShift: shiftFormula("bitwiseLeftShift", shl),
  bitwiseRightShift: shiftFormula("bitwiseRightShift", shr),
  where: (_, { dtype }) => choices(dtype),
};

/** An element-wise call: its formula, and the inputs that it reads. */
export interface Pointwise {
  readonly kernel: Elementwise;
  readonly inputs: readonly KernelInput[];
}

function read(kernel: Elementwise, inputs: readonly KernelInput[]): readonly KernelInput[] {
  return kernel.inputs.length === inputs.length ? inputs : inputs.slice(0, kernel.inputs.length);
}

const formulaOf = new Map<string, Pick>([
  ...Object.entries(formulas),
  ["cast", (inputs, out) => casts[out.dtype](dtypeOf(inputs, out))],
]);

/**
 * Whether a number is a power of two whose inverse is exact in every float dtype, so that division is multiplication.
 */
function isInvertible(x: KernelInput | undefined): x is number {
  if (typeof x !== "number") return false;
  const size = Math.abs(x);
  return size <= 2 ** 14 && size >= 2 ** -14 && 2 ** Math.round(Math.log2(size)) === size;
}

/**
 * The formula and the inputs of an element-wise call that may be deferred and fused; `undefined` for other calls, and
 * for divisions of whole numbers, which have to be checked first.
 */
export function pointwiseOf({ op, inputs, outputs }: KernelCall): Pointwise | undefined {
  const [x, divisor] = inputs;
  if (op === "div" && isInvertible(divisor)) {
    return pointwiseOf({ op: "mul", inputs: [x!, 1 / divisor], attrs: {}, outputs });
  }
  if (divisors.has(op) && !isFloat(outputs[0]!.dtype)) return undefined;
  const kernel = formulaOf.get(op)?.(inputs, outputs[0]!);
  return kernel && { kernel, inputs: read(kernel, inputs) };
}

function kernelOf<K extends UnaryOp | BinaryOp | "where">(op: K): Kernel<K> {
  const pick = formulas[op];
  const kernel: Kernel<K> = ({ inputs }, [out]) => {
    const formula = pick(inputs, out!);
    launch(formula, read(formula, inputs), out!);
  };
  return divisors.has(op) ? checked(op, kernel) : kernel;
}

type Rows = { readonly [K in keyof typeof formulas | "cast" | "copy" | "full"]: Kernel<K> };

export const pointwise: Rows = {
  ...(rowsOf(formulas, kernelOf) as { readonly [K in keyof typeof formulas]: Kernel<K> }),
  cast: copy,
  copy,
  full: ({ attrs }, [out]) => fill(out!, attrs.value),
};
