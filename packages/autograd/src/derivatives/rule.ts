/** The form of a row: a formula for each input, and what each formula needs of the forward call. Nothing else is saved. */
import type { Attrs, Linearity, Op, Operand, Shape, Tensor } from "@dl/tensor";

/** A gradient known to be 0 everywhere: no memory, no arithmetic. */
export const zero: unique symbol = Symbol("zero gradient");

/** `null`: this input takes no part in differentiation (an index, a mask). */
export type Gradient = Tensor | typeof zero | null;

/** Values a formula may ask for, by bit: the first three inputs, the output, the second output. */
export const A = 1;
export const B = 2;
export const C = 4;
export const OUT = 8;
export const POSITIONS = 16;

export interface Values {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly c: Tensor;
  readonly out: Tensor;
  readonly positions: Tensor;
}

/** Where an input lay in its storage. */
export interface Geometry {
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
}

/** What some rows note about their inputs, besides attributes: layouts and sizes, never elements. */
interface Notes {
  /** Which operands lie column-major, so that their gradients are made so too. */
  matmul: readonly [a: boolean, b: boolean];
  /** Where each input starts in the output. */
  cat: readonly number[];
  asStrided: Geometry;
  /** Device to return to. */
  transfer: string;
}

type Note<K extends Op> = K extends keyof Notes ? Notes[K] : undefined;

/** The call that is differentiated: its attributes and note, and the input a formula is for. */
interface SiteOf<T, N> {
  readonly attrs: T;
  readonly note: N;
  readonly index: number;
  readonly shape: Shape;
}

export interface FormulaOf<T, N> {
  /** Which values it uses, for all attributes or for those of a call: only these are kept until backward. */
  readonly reads: number | ((attrs: T) => number);
  /**
   * From the gradient of the (first) output to that of the input. Written with tensor functions, so that it can itself
   * be differentiated. The engine sums what was broadcast and casts to the input's dtype.
   */
  readonly vjp: (grad: Tensor, values: Values, site: SiteOf<T, N>) => Gradient;
}

export interface RuleOf<T, N> {
  /** As PyTorch prints it, where that is not the op's name: `MulBackward0`. */
  readonly name?: string | ((attrs: T, shape: Shape) => string);
  readonly linearity?: Linearity;
  readonly note?: (inputs: readonly Operand[], attrs: T) => N;
  /** One for each input; none: results never require a gradient. */
  readonly wrt: readonly FormulaOf<T, N>[];
  /** The only formula serves every input. */
  readonly variadic?: true;
}

export type Site<K extends Op> = SiteOf<Attrs<K>, Note<K>>;
export type Formula<K extends Op> = FormulaOf<Attrs<K>, Note<K>>;
export type Rule<K extends Op> = RuleOf<Attrs<K>, Note<K>>;
export type Rules<K extends Op> = { readonly [P in K]: Rule<P> };

/** Results are whole numbers or bools, or PyTorch defines no derivative. */
export const nonDifferentiable = { wrt: [] } as const satisfies RuleOf<unknown, unknown>;

/** Constant almost everywhere: PyTorch gives zeros. */
export const constant = { wrt: [{ reads: 0, vjp: () => zero }] } as const satisfies RuleOf<unknown, unknown>;

/** The input takes no part. */
export const noGradient = { reads: 0, vjp: () => null } as const satisfies FormulaOf<unknown, unknown>;

type Unary = {
  readonly wrt: readonly [{ readonly reads: number; readonly vjp: (grad: Tensor, values: Values) => Tensor }];
};

/** Linear in the input: nothing is saved. */
export function linear(vjp: (grad: Tensor) => Tensor): Unary {
  return { wrt: [{ reads: 0, vjp }] };
}

export function ofInput(vjp: (grad: Tensor, x: Tensor) => Tensor): Unary {
  return { wrt: [{ reads: A, vjp: (grad, { a }) => vjp(grad, a) }] };
}

export function ofOutput(vjp: (grad: Tensor, y: Tensor) => Tensor): Unary {
  return { wrt: [{ reads: OUT, vjp: (grad, { out }) => vjp(grad, out) }] };
}

interface Binary<V> {
  readonly reads: number;
  readonly vjp: (grad: Tensor, values: V) => Gradient;
}

/** A row of two operands, either of which may be a number (but not the one a formula is for). */
export function pair(
  first: Binary<Omit<Values, "b"> & { readonly b: Operand }>,
  second: Binary<Omit<Values, "a"> & { readonly a: Operand }>,
): { readonly wrt: readonly [Binary<Values>, Binary<Values>] } {
  return { wrt: [first, second] };
}
