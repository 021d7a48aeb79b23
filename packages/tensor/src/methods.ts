/** Every operation as a method: installed from the same functions, so that neither list can lag behind the other. */
import type { ArrayOf, DType, FloatDType } from "./dtype.ts";
import { fail } from "./errors.ts";
import { formatTensor } from "./format.ts";
import { applyInPlace } from "./ops/apply.ts";
import * as arithmetic from "./ops/arithmetic.ts";
import * as casts from "./ops/casts.ts";
import * as composite from "./ops/composite.ts";
import * as convert from "./ops/convert.ts";
import * as elementwise from "./ops/elementwise.ts";
import type * as gammas from "./ops/gammas.ts";
import * as gathering from "./ops/gathering.ts";
import * as indexing from "./ops/indexing.ts";
import * as inplace from "./ops/inplace.ts";
import * as joining from "./ops/joining.ts";
import { kindsOf } from "./ops/kinds.ts";
import * as library from "./ops/library.ts";
import * as linalg from "./ops/linalg.ts";
import type * as older from "./ops/matrix/older.ts";
import type * as solving from "./ops/matrix/solving.ts";
import type * as norms from "./ops/norms.ts";
import type { ValuesIndices } from "./ops/pairs.ts";
import type * as pointwise from "./ops/pointwise.ts";
import * as reduce from "./ops/reduce.ts";
import type { UniqueOptions, UniqueParts } from "./ops/searching.ts";
import type { Method } from "./ops/signature.ts";
import { binaryOps, unaryOps } from "./ops/table.ts";
import * as views from "./ops/views.ts";
import type { Operand } from "./recorder.ts";
import { Tensor } from "./tensor.ts";

/** What keeps any dtype. */
type Same =
  | keyof typeof views
  | ("relu" | "neg" | "abs" | "square" | "floor" | "ceil" | "round" | "trunc" | "sign" | "bitwiseNot")
  | ("at" | "gather" | "indexSelect" | "maskedSelect" | "take" | "takeAlongDim" | "maskedFill")
  | ("scatter" | "scatterAdd")
  | ("flatten" | "unflatten" | "ravel" | "movedim" | "moveaxis" | "swapaxes" | "swapdims" | "unfold" | "diagonal")
  | ("broadcastTo" | "expandAs" | "reshapeAs" | "viewAs" | "repeat" | "tile" | "roll" | "rot90" | "fliplr" | "flipud")
  | ("tril" | "triu" | "amax" | "amin" | "msort" | "mm" | "mv" | "bmm");

/** What keeps float dtypes, and makes one of whole numbers. */
type Floating =
  | Exclude<keyof typeof elementwise, "logicalNot" | "isnan" | "isinf" | "signbit">
  | ("clamp" | "clampMin" | "clampMax" | "pow" | "std" | "var" | "logsumexp" | "lerp")
  | ("addcmul" | "addcdiv");

/** What makes truth values. */
type Truth =
  | ("eq" | "ne" | "lt" | "le" | "gt" | "ge" | "logicalAnd" | "logicalOr" | "logicalXor" | "logicalNot")
  | ("isnan" | "isinf" | "isfinite" | "isclose" | "signbit" | "all" | "any");

type Kept<K, D extends DType> = K extends Same | `${string}_`
  ? Tensor<D>
  : K extends Floating
    ? Tensor<[D] extends [FloatDType] ? D : DType>
    : K extends Truth
      ? Tensor<"bool">
      : never;

/** A module's functions as methods; those that keep the dtype say so in types. */
type MethodsOf<M, D extends DType, N = keyof M> = {
  readonly [K in keyof M as Exclude<K & N, keyof Arithmetic<D> | keyof Overloaded<D> | "cat" | "stack">]: Method<
    M[K],
    Kept<K, D>
  >;
};

/** The op of that name, its result written into this tensor. */
type InPlaceOf<M, D extends DType> = {
  readonly [K in keyof M as K extends InPlaceRow ? Exclude<`${K}_`, keyof typeof inplace> : never]: Method<
    M[K],
    Tensor<D>
  >;
};
type InPlaceRow = keyof typeof unaryOps | keyof typeof binaryOps;

/** Arithmetic between two tensors of known dtypes compiles only where they agree. */
export interface Arithmetic<D extends DType> {
  /** this + alpha · other. */
  add<E extends DType>(
    other: (Tensor<E> & arithmetic.Agrees<D, E>) | number,
    options?: { readonly alpha?: number | undefined },
  ): Tensor<D>;
  /** this − alpha · other. */
  sub<E extends DType>(
    other: (Tensor<E> & arithmetic.Agrees<D, E>) | number,
    options?: { readonly alpha?: number | undefined },
  ): Tensor<D>;
  /** this · other. */
  mul<E extends DType>(other: (Tensor<E> & arithmetic.Agrees<D, E>) | number): Tensor<D>;
  /** this / other. */
  div<E extends DType>(
    other: (Tensor<E> & arithmetic.Agrees<D, E>) | number,
    options: { readonly roundingMode: "trunc" | "floor" },
  ): Tensor<D>;
  div<E extends DType>(
    other: (Tensor<E> & arithmetic.Agrees<D, E>) | number,
    options?: { readonly roundingMode?: "trunc" | "floor" | null | undefined },
  ): Tensor<[D] extends [FloatDType] ? D : DType>;
  /** The matrix product. */
  matmul<E extends DType>(other: Tensor<E> & arithmetic.Agrees<D, E>): Tensor<D>;
}

/** Forms that a table cannot type. */
interface Overloaded<D extends DType> {
  /** The dimensions in reverse order. */
  readonly T: Tensor<D>;
  /** The last two dimensions swapped. */
  readonly mT: Tensor<D>;
  /** The transpose of a matrix, which for real numbers is conjugate too. */
  readonly H: Tensor<D>;
  /** {@link mT}: real numbers are their own conjugates. */
  readonly mH: Tensor<D>;
  /** The tensor in another dtype or on another device, itself where nothing changes. @see https://pytorch.org/docs/stable/generated/torch.Tensor.to.html */
  to<E extends DType>(dtype: E, ...rest: convert.ToRest<E>): Tensor<E>;
  to<S extends string>(device: S & (string extends S ? never : S extends DType ? never : unknown)): Tensor<D>;
  to(options: convert.ToOptions & { readonly device: string; readonly dtype?: undefined }): Tensor<D>;
  to<E extends DType = DType>(target: string | Tensor<E> | convert.ToOptions<E>, ...rest: convert.ToRest<E>): Tensor<E>;
  /** The largest element, or the larger one of each pair; along a dimension with its positions. @see https://pytorch.org/docs/stable/generated/torch.max.html */
  max(): Tensor;
  max(other: Tensor): Tensor;
  max(options: { readonly dim: number; readonly keepdim?: boolean | undefined }): ValuesIndices;
  max(dim: number, keepdim?: boolean | { readonly keepdim?: boolean | undefined }): ValuesIndices;
  /** The smallest element, or the smaller one of each pair; along a dimension with its positions. @see https://pytorch.org/docs/stable/generated/torch.min.html */
  min(): Tensor;
  min(other: Tensor): Tensor;
  min(options: { readonly dim: number; readonly keepdim?: boolean | undefined }): ValuesIndices;
  min(dim: number, keepdim?: boolean | { readonly keepdim?: boolean | undefined }): ValuesIndices;
  /** The middle element (the lower of two); along a dimension with its positions. @see https://pytorch.org/docs/stable/generated/torch.median.html */
  median(): Tensor;
  median(dim: number, keepdim?: boolean | { readonly keepdim?: boolean | undefined }): ValuesIndices;
  /** The middle element of those that are no NaN; along a dimension with its positions. @see https://pytorch.org/docs/stable/generated/torch.nanmedian.html */
  nanmedian(): Tensor;
  nanmedian(dim: number, keepdim?: boolean | { readonly keepdim?: boolean | undefined }): ValuesIndices;
  /** This tensor's elements where `condition` holds, those of `other` elsewhere. @see https://pytorch.org/docs/stable/generated/torch.Tensor.where.html */
  where(condition: Tensor, other: Operand | { readonly other: Operand }): Tensor;
  /** Positions of the elements that are not 0, a row each; with `asTuple`, a tensor for each dimension. @see https://pytorch.org/docs/stable/generated/torch.nonzero.html */
  nonzero(asTuple?: false | { readonly asTuple?: false | undefined }): Tensor;
  nonzero(asTuple: true | { readonly asTuple: true }): Tensor[];
  /** The only element, as a number (a bigint where an int64 is beyond 2⁵³), of a bool tensor as a boolean. @throws TensorError for more than one element @see https://pytorch.org/docs/stable/generated/torch.Tensor.item.html */
  item(): [D] extends ["bool"] ? boolean : number;
  /** Row-major elements as a fresh typed array, from any device. 16-bit floats come as their bits, bools as 0 and 1. */
  data(): Promise<ArrayOf<D>>;
  /** The distinct elements, or slices of `dim`, sorted; on demand the number of each element's, and how often each occurs. @see https://pytorch.org/docs/stable/generated/torch.unique.html */
  unique<I extends boolean = false, C extends boolean = false>(
    options?: UniqueOptions<I, C> & { readonly sorted?: boolean | undefined },
  ): UniqueParts<I, C>;
  unique<I extends boolean = false, C extends boolean = false>(
    sorted: boolean | undefined,
    returnInverse?: I,
    returnCounts?: C,
    dim?: number | null,
  ): UniqueParts<I, C>;
  /** Runs of equal elements as one each. @see https://pytorch.org/docs/stable/generated/torch.unique_consecutive.html */
  uniqueConsecutive<I extends boolean = false, C extends boolean = false>(
    options?: UniqueOptions<I, C>,
  ): UniqueParts<I, C>;
  uniqueConsecutive<I extends boolean = false, C extends boolean = false>(
    returnInverse: I | undefined,
    returnCounts?: C,
    dim?: number | null,
  ): UniqueParts<I, C>;
  /** One view for each position of the first dimension: `for (const row of x)`. @throws TensorError for a 0-d tensor */
  [Symbol.iterator](): IterableIterator<Tensor<D>>;
  /** `item()` where a number is asked for, `Number(loss)` and `loss < best`; otherwise the text that prints. */
  [Symbol.toPrimitive](hint: string): number | string;
}

/**
 * Everything that ops/ offers, as methods of {@link Tensor}. Modules of which the library takes parts stand before it: a
 * name that is exported again has no docstring.
 */
export interface Methods<D extends DType = DType>
  extends Arithmetic<D>,
    Overloaded<D>,
    InPlaceOf<typeof arithmetic, D>,
    InPlaceOf<typeof elementwise, D>,
    MethodsOf<typeof arithmetic, D>,
    MethodsOf<typeof casts, D>,
    MethodsOf<typeof composite, D>,
    MethodsOf<typeof convert, D>,
    MethodsOf<typeof elementwise, D>,
    MethodsOf<typeof gathering, D>,
    MethodsOf<typeof indexing, D>,
    MethodsOf<typeof inplace, D>,
    MethodsOf<typeof joining, D>,
    MethodsOf<typeof gammas, D, keyof typeof library>,
    MethodsOf<typeof norms, D, keyof typeof library>,
    MethodsOf<typeof older, D, keyof typeof library>,
    MethodsOf<typeof pointwise, D, keyof typeof library>,
    MethodsOf<typeof solving, D, keyof typeof library>,
    MethodsOf<typeof library, D>,
    MethodsOf<typeof linalg, D>,
    MethodsOf<typeof reduce, D>,
    MethodsOf<typeof views, D> {}

const modules = [
  arithmetic,
  casts,
  composite,
  convert,
  elementwise,
  gathering,
  indexing,
  inplace,
  joining,
  library,
  linalg,
  reduce,
  views,
];

function method(name: string, body: (this: Tensor, ...args: never[]) => unknown): void {
  Object.defineProperty(Tensor.prototype, name, { value: body, writable: true, configurable: true });
}

/** A method that PyTorch has as a field: who assigns to it would lose the method, and change nothing. */
function refuseAssignment(name: string, remedy: string): void {
  const own = Tensor.prototype[name as "data"];
  const refuse = (): never => fail(name, "is a method, not a field to assign to", remedy);
  Object.defineProperty(Tensor.prototype, name, { get: () => own, set: refuse, configurable: true });
}

for (const module of modules) {
  for (const [name, fn] of Object.entries(module) as [string, (...args: unknown[]) => unknown][]) {
    method(name, function (this: Tensor, ...args: unknown[]) {
      return fn(this, ...args);
    });
  }
}
for (const name of Object.keys({ ...unaryOps, ...binaryOps }) as InPlaceRow[]) {
  if (`${name}_` in inplace || !(name in Tensor.prototype)) continue;
  const checkKinds = kindsOf(name, `${name}_`);
  const isUnary = name in unaryOps;
  method(`${name}_`, function (other: Operand) {
    const operands = isUnary ? [this] : [this, other];
    checkKinds(operands);
    return applyInPlace(name, operands, this);
  });
}
method("where", function (condition: Tensor, other: Operand) {
  return arithmetic.where(condition, this, other);
});
refuseAssignment("data", "Write noGrad(() => x.copy_(values))");
Object.defineProperty(Tensor.prototype, "T", {
  get(this: Tensor) {
    return this.permute(this.shape.map((_, dim) => this.ndim - 1 - dim));
  },
});
for (const name of ["mT", "mH"]) {
  Object.defineProperty(Tensor.prototype, name, {
    get(this: Tensor) {
      return this.ndim === 0 ? this.view([]) : this.transpose(-2, -1);
    },
  });
}
Object.defineProperty(Tensor.prototype, "H", {
  get(this: Tensor) {
    if (this.ndim !== 0 && this.ndim !== 2) fail("H", `needs a matrix, got ${this.ndim} dimensions`, "Use .mH");
    return this.mH;
  },
});
method("toString", function () {
  return formatTensor(this);
});
Object.defineProperty(Tensor.prototype, Symbol.iterator, {
  value(this: Tensor) {
    if (this.ndim === 0) fail("iterator", "a 0-d tensor has no rows to go over", "Read it with .item()");
    return this.unbind(0).values();
  },
});
Object.defineProperty(Tensor.prototype, Symbol.toPrimitive, {
  value(this: Tensor, hint: string) {
    const isNumber = hint === "number" || (hint === "default" && this.numel() === 1 && this.backend.readSync);
    return isNumber ? this.item() : this.toString();
  },
});
Object.defineProperty(Tensor.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Tensor) {
    return this.isDisposed ? "Tensor(disposed)" : this.toString();
  },
});

export { Tensor };
