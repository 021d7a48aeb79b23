/** Every operation as a method: installed from the same functions, so that neither list can lag behind the other. */
import type { DType } from "./dtype.ts";
import { fail } from "./errors.ts";
import { formatTensor } from "./format.ts";
import { applyInPlace } from "./ops/apply.ts";
import * as arithmetic from "./ops/arithmetic.ts";
import * as casts from "./ops/casts.ts";
import * as composite from "./ops/composite.ts";
import * as convert from "./ops/convert.ts";
import * as elementwise from "./ops/elementwise.ts";
import * as gathering from "./ops/gathering.ts";
import * as indexing from "./ops/indexing.ts";
import * as inplace from "./ops/inplace.ts";
import * as joining from "./ops/joining.ts";
import * as library from "./ops/library.ts";
import * as linalg from "./ops/linalg.ts";
import type { ValuesIndices } from "./ops/pairs.ts";
import * as reduce from "./ops/reduce.ts";
import type { Method } from "./ops/signature.ts";
import { binaryOps, unaryOps } from "./ops/table.ts";
import * as views from "./ops/views.ts";
import type { Operand } from "./recorder.ts";
import { Tensor } from "./tensor.ts";

type Same = keyof typeof views | "relu" | "neg" | "abs" | "square" | "floor" | "ceil" | "round" | "trunc" | "sign";

/** A module's functions as methods; those that keep the dtype say so in types. */
type MethodsOf<M, D extends DType> = {
  readonly [K in Exclude<keyof M, keyof Arithmetic<D> | keyof Overloaded<D> | "cat" | "stack">]: K extends Same
    ? (...args: Parameters<Method<M[K]>>) => Tensor<D>
    : Method<M[K]>;
};

type InPlaceRow = keyof typeof unaryOps | Exclude<keyof typeof binaryOps, `${string}Backward`>;
type InPlaceOf<D extends DType> = {
  /** The op of that name, its result written into this tensor. */
  readonly [K in InPlaceRow as Exclude<`${K}_`, keyof typeof inplace>]: K extends keyof typeof unaryOps
    ? () => Tensor<D>
    : (other: Operand) => Tensor<D>;
};

/** Arithmetic between two tensors of known dtypes compiles only where they agree. */
export interface Arithmetic<D extends DType> {
  /** this + alpha · other. */
  add<E extends DType>(
    other: (Tensor<E> & arithmetic.Agrees<D, E>) | number,
    options?: { readonly alpha?: number },
  ): Tensor<D>;
  /** this − alpha · other. */
  sub<E extends DType>(
    other: (Tensor<E> & arithmetic.Agrees<D, E>) | number,
    options?: { readonly alpha?: number },
  ): Tensor<D>;
  /** this · other. */
  mul<E extends DType>(other: (Tensor<E> & arithmetic.Agrees<D, E>) | number): Tensor<D>;
  /** this / other. */
  div<E extends DType>(
    other: (Tensor<E> & arithmetic.Agrees<D, E>) | number,
    options?: { readonly roundingMode?: "trunc" | "floor" | null },
  ): Tensor<D>;
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
  to<E extends DType>(dtype: E, ...rest: convert.ToRest<E>): Tensor<E>;
  to<E extends DType = DType>(target: string | Tensor<E> | convert.ToOptions<E>, ...rest: convert.ToRest<E>): Tensor<E>;
  max(): Tensor;
  max(other: Tensor): Tensor;
  max(options: { readonly dim: number; readonly keepdim?: boolean }): ValuesIndices;
  max(dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  min(): Tensor;
  min(other: Tensor): Tensor;
  min(options: { readonly dim: number; readonly keepdim?: boolean }): ValuesIndices;
  min(dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  median(): Tensor;
  median(dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  nanmedian(): Tensor;
  nanmedian(dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  nonzero(): Tensor;
  nonzero(asTuple: true | { readonly asTuple: true }): Tensor[];
  /** One view for each position of the first dimension: `for (const row of x)`. @throws TensorError for a 0-d tensor */
  [Symbol.iterator](): IterableIterator<Tensor<D>>;
  /** `item()` where a number is asked for, `Number(loss)` and `loss < best`; otherwise the text that prints. */
  [Symbol.toPrimitive](hint: string): number | string;
}

/** Everything that ops/ offers, as methods of {@link Tensor}. */
export interface Methods<D extends DType = DType>
  extends Arithmetic<D>,
    Overloaded<D>,
    InPlaceOf<D>,
    MethodsOf<typeof arithmetic, D>,
    MethodsOf<typeof casts, D>,
    MethodsOf<typeof composite, D>,
    MethodsOf<typeof convert, D>,
    MethodsOf<typeof elementwise, D>,
    MethodsOf<typeof gathering, D>,
    MethodsOf<typeof indexing, D>,
    MethodsOf<typeof inplace, D>,
    MethodsOf<typeof joining, D>,
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

for (const module of modules) {
  for (const [name, fn] of Object.entries(module) as [string, (...args: unknown[]) => unknown][]) {
    method(name, function (this: Tensor, ...args: unknown[]) {
      return fn(this, ...args);
    });
  }
}
for (const name of Object.keys(unaryOps) as (keyof typeof unaryOps)[]) {
  if (`${name}_` in inplace) continue;
  method(`${name}_`, function () {
    return applyInPlace(name, [this], this);
  });
}
for (const name of Object.keys(binaryOps) as (keyof typeof binaryOps)[]) {
  if (`${name}_` in inplace) continue;
  method(`${name}_`, function (other: Operand) {
    return applyInPlace(name, [this, other], this);
  });
}
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
    return hint === "number" ? this.item() : this.toString();
  },
});
Object.defineProperty(Tensor.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Tensor) {
    return this.isDisposed ? "Tensor(disposed)" : this.toString();
  },
});

export { Tensor };
