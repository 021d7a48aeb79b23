/**
 * The form of a row in the tables of derivatives: a formula for each input, which declares what values of the forward
 * call it reads. Nothing else is saved for backward.
 */
import type { Attrs, Linearity, Op, Operand, Shape, Tensor } from "@dl/tensor";

/** A gradient that is known to be 0 everywhere, so that it takes neither memory nor arithmetic. */
export const zero: unique symbol = Symbol("zero gradient");

/** The gradient of an input; `null` if the input takes no part in differentiation, such as an index or a mask. */
export type Gradient = Tensor | typeof zero | null;

/**
 * The values that a formula may read, as bits of `reads`: the first three inputs, the output, and the second output.
 */
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

/** How the elements of a tensor lie in its storage. */
export interface Geometry {
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
}

/** What some rows remember of their inputs, in addition to the attributes: layouts and sizes, but never elements. */
interface Notes {
  /** Which operands are column-major, so that their gradients are made column-major, too. */
  matmul: readonly [a: boolean, b: boolean];
  /** Where each input starts in the output. */
  cat: readonly number[];
  asStrided: Geometry;
  /** The device that the gradient has to return to. */
  transfer: string;
}

type Note<K extends Op> = K extends keyof Notes ? Notes[K] : undefined;

/**
 * The call that is differentiated: its attributes and note, and the index and shape of the input that a formula is for.
 */
interface SiteOf<T, N> {
  readonly attrs: T;
  readonly note: N;
  readonly index: number;
  readonly shape: Shape;
}

export interface FormulaOf<T, N> {
  /** The values that the formula uses, perhaps depending on the attributes. Only these are saved for backward. */
  readonly reads: number | ((attrs: T) => number);
  /**
   * Computes the gradient of the input from that of the (first) output. It is written with tensor functions, so that it
   * can be differentiated itself. The engine sums over broadcast dimensions and casts to the dtype of the input.
   */
  readonly vjp: (grad: Tensor, values: Values, site: SiteOf<T, N>) => Gradient;
}

export interface RuleOf<T, N> {
  /** The name that PyTorch prints, such as `MulBackward0`, if it does not follow from that of the op. */
  readonly name?: string | ((attrs: T, shape: Shape) => string);
  readonly linearity?: Linearity;
  readonly note?: (inputs: readonly Operand[], attrs: T) => N;
  /** A formula for each input; an empty list if results never require a gradient. */
  readonly wrt: readonly FormulaOf<T, N>[];
  /** Whether the only formula serves every input. */
  readonly variadic?: true;
}

export type Site<K extends Op> = SiteOf<Attrs<K>, Note<K>>;
export type Formula<K extends Op> = FormulaOf<Attrs<K>, Note<K>>;
export type Rule<K extends Op> = RuleOf<Attrs<K>, Note<K>>;
export type Rules<K extends Op> = { readonly [P in K]: Rule<P> };

/** For ops whose results are whole numbers or bools, or for which PyTorch defines no derivative. */
export const nonDifferentiable = { wrt: [] } as const satisfies RuleOf<unknown, unknown>;

/** For functions that are constant almost everywhere: the gradient is 0, as in PyTorch. */
export const constant = { wrt: [{ reads: 0, vjp: () => zero }] } as const satisfies RuleOf<unknown, unknown>;

/** The formula for an input that takes no part in differentiation. */
export const noGradient = { reads: 0, vjp: () => null } as const satisfies FormulaOf<unknown, unknown>;

type Unary = {
  readonly wrt: readonly [{ readonly reads: number; readonly vjp: (grad: Tensor, values: Values) => Tensor }];
};

/** The row of a function that is linear in its input, so that nothing has to be saved. */
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

/** The row of a function of two operands. Either may be a number, except the one that a formula is for. */
export function pair(
  first: Binary<Omit<Values, "b"> & { readonly b: Operand }>,
  second: Binary<Omit<Values, "a"> & { readonly a: Operand }>,
): { readonly wrt: readonly [Binary<Values>, Binary<Values>] } {
  return { wrt: [first, second] };
}
