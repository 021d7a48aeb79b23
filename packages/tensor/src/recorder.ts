/**
 * The interface between the library and autograd: a slot that `@dl/autograd` fills with a {@link Recorder}, and the
 * switch that turns recording on and off.
 */
import "./dispose.ts";
import { fail } from "./errors.ts";
import type { Attrs, Op } from "./ops/table.ts";
import { state } from "./state.ts";
import type { GradHook, Tensor } from "./tensor.ts";

/**
 * Marks piecewise linear functions whose derivative formula in PyTorch reads the input although it is constant between
 * bends. Their second derivative is 0 instead of missing.
 */
export type Linearity = "piecewise";

/** One recorded call, as the rest of the library sees it. */
export interface GradNode {
  /** As PyTorch prints it: `AddBackward0`. */
  readonly name: string;
  /** The name that is printed instead, if what the user called is one function in PyTorch but several ops here. */
  label?: string;
  /** The nodes of the inputs; `null` where an input needs no gradient. */
  readonly nextFunctions: readonly (GradNode | null)[];
  /** @internal */
  linearity?: Linearity;
  /** @internal Counts a tensor that is a result of this node. */
  hold(): void;
  /**
   * @internal Uncounts a result that was disposed. Without results and later nodes nobody can ask for this gradient.
   */
  drop(): void;
}

/** What an op was given: numbers need no gradient. */
export type Operand = Tensor | number;

export interface BackwardOptions {
  /** Keep what the graph saved, so that backward may pass again. */
  readonly retainGraph?: boolean | null | undefined;
  /** Record the backward pass itself, for higher derivatives. Implies `retainGraph`. */
  readonly createGraph?: boolean | undefined;
  /** Accumulate into these leaves only. */
  readonly inputs?: readonly Tensor[] | null | undefined;
}

/** The derivative of values that the host computes, which have no row in the tables: the call brings it along. */
export interface Derivative {
  /** The name of the function in PyTorch: `LinalgInvEx` is printed as `LinalgInvExBackward0`. */
  readonly name: string;
  /**
   * Computes the gradients of the inputs from those of the outputs, which are `null` where none came. `wanted` tells
   * which are needed. It is written with tensor functions of the kept values, so that it can be differentiated itself.
   */
  readonly vjp: (
    grads: readonly (Tensor | null)[],
    kept: readonly Tensor[],
    wanted: readonly boolean[],
  ) => readonly (Tensor | null)[];
}

export interface Recorder {
  /** Gives the outputs of a call their node. Called only if recording is on and some input requires a gradient. */
  record<K extends Op>(op: K, inputs: readonly Operand[], attrs: Attrs<K>, outputs: readonly Tensor[]): void;
  /** Like `record`, for a call that brings its derivative along. `kept` are the inputs and outputs that this reads. */
  recordWith(
    derivative: Derivative,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    kept: readonly Tensor[],
  ): void;
  /**
   * Called before `op` writes into `target`. Returns a tensor that keeps the old history: another handle to the same
   * memory, or a copy if the derivative of `op` needs the old values.
   */
  beforeInPlace<K extends Op>(op: K, inputs: readonly Operand[], attrs: Attrs<K>, target: Tensor): Tensor;
  /**
   * Like `record`, for a call that has written its result into `target` and raised its version. `inputs` contain
   * `before`, the result of `beforeInPlace`, in the place of `target`.
   */
  recordInPlace<K extends Op>(op: K, inputs: readonly Operand[], attrs: Attrs<K>, target: Tensor, before: Tensor): void;
  /** Updates the history of a view after its base was written through another view. */
  refreshView(view: Tensor): void;
  /** The list of hooks for this tensor's gradient. */
  hooksOf(tensor: Tensor): GradHook[];
  /** Lets backward fill `.grad` of a tensor that is no leaf. */
  retainGrad(tensor: Tensor): void;
  /** Calls `end` after the backward pass that is running. Used by hooks. */
  afterPass(end: () => void): void;
  backward(roots: readonly Tensor[], gradients: readonly (Tensor | null)[], options: BackwardOptions): void;
}

/** Installs the recorder. Importing `@dl/autograd` does that. */
export function setRecorder(recorder: Recorder | null): void {
  state.recorder = recorder;
}

/** The recorder, or an error that says what to import. */
export function needRecorder(op: string): Recorder {
  return state.recorder ?? fail(op, "no autograd is installed", 'Add import "@dl/autograd"');
}

/** @internal Whether somebody will differentiate a result of these. */
export function isWanted(...inputs: readonly Tensor[]): boolean {
  return state.gradEnabled && state.recorder !== null && inputs.some(({ requiresGrad }) => requiresGrad);
}

type Tensors = readonly Tensor[];
type Each<T extends Tensors, V> = { readonly [I in keyof T]: V };
/** The only output has a gradient; of several, some may have none. */
type Grads<O extends Tensors> = O extends readonly [Tensor] ? O : Each<O, Tensor | null>;

/** @internal Constant `outputs` with a history: their derivative is a formula of `kept` inputs and outputs, good for all orders. */
export function recorded<const I extends Tensors, const O extends Tensors, const K extends Tensors>(
  name: string,
  inputs: I,
  outputs: O,
  kept: K,
  vjp: (grads: Grads<O>, kept: K, wanted: Each<I, boolean>) => Each<I, Tensor | null>,
): O {
  const derivative = { name, vjp: vjp as unknown as Derivative["vjp"] };
  if (isWanted(...inputs)) state.recorder!.recordWith(derivative, inputs, outputs, kept);
  return outputs;
}

/** Whether ops are recorded. @see https://pytorch.org/docs/stable/generated/torch.is_grad_enabled.html */
export function isGradEnabled(): boolean {
  return state.gradEnabled;
}

/**
 * Runs `body` without recording. Synchronous only: the switch is global and must not cross an `await`.
 * Without a body: a guard for `using _ = noGrad()`.
 * @throws TensorError when `body` returns a promise
 * @see https://pytorch.org/docs/stable/generated/torch.no_grad.html
 */
export function noGrad(): GradGuard;
export function noGrad<T>(body: () => T extends PromiseLike<unknown> ? never : T): T;
export function noGrad<T>(body?: () => T): T | GradGuard {
  return body ? withGrad("noGrad", false, body) : new GradGuard(false);
}

/** The opposite of {@link noGrad}, for use inside it. */
export function enableGrad(): GradGuard;
export function enableGrad<T>(body: () => T extends PromiseLike<unknown> ? never : T): T;
export function enableGrad<T>(body?: () => T): T | GradGuard {
  return body ? withGrad("enableGrad", true, body) : new GradGuard(true);
}

/** Turns recording on or off until told otherwise. */
export function setGradEnabled(enabled: boolean): void {
  state.gradEnabled = enabled;
}

/** Restores the switch when disposed: `using _ = noGrad()`. */
export class GradGuard {
  readonly #before: boolean;
  constructor(enabled: boolean) {
    this.#before = state.gradEnabled;
    state.gradEnabled = enabled;
  }
  [Symbol.dispose](): void {
    state.gradEnabled = this.#before;
  }
}

function withGrad<T>(name: string, enabled: boolean, body: () => T): T {
  const before = state.gradEnabled;
  state.gradEnabled = enabled;
  try {
    return refusePromise(name, body());
  } finally {
    state.gradEnabled = before;
  }
}

/** @internal Global switches end when the body returns, so an async body would run mostly outside them. */
export function refusePromise<T>(name: string, result: T): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === "function") {
    fail(
      name,
      "its body returned a promise",
      `Put ${name}(() => …) inside the async function, around synchronous code`,
    );
  }
  return result;
}
