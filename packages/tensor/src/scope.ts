import "./dispose.ts";
import { refusePromise } from "./recorder.ts";
import { state } from "./state.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Runs `body` and frees, when it ends, the tensors that it made. What it returns lives on (tensors anywhere in arrays, maps and
 * plain objects), and so do parameters, gradients, optimizer state, buffers of modules, and what autograd saved for a backward
 * still to come. Use it around each step of a loop that never waits; loops that wait get their memory back by themselves.
 *
 * Without a body it is a guard, for `using _ = scope()` inside a synchronous block.
 * @returns what `body` returns
 * @throws TensorError when `body` returns a promise: use scope inside the async function, around synchronous code
 * @example
 * const x = rand(1000, 1000);
 * const norm = scope(() => {
 *   const centred = x.sub(x.mean()); // freed at the end, as are all results on the way
 *   return centred.square().sum().sqrt(); // returned, so it lives on
 * });
 */
export function scope(): Scope;
export function scope<T>(body: () => T extends PromiseLike<unknown> ? never : T): T;
export function scope<T>(body?: () => T): T | Scope {
  if (!body) return new Scope();
  const guard = new Scope();
  try {
    const result = refusePromise("scope", body());
    guard.keep(result);
    return result;
  } finally {
    guard[Symbol.dispose]();
  }
}

/** Owns the tensors made since it was opened, and frees them when it is disposed. */
export class Scope {
  readonly #outer: Tensor[] | null = state.scope;
  readonly #made: Tensor[] = [];
  readonly #results = new Set<Tensor>();
  #ended = false;

  constructor() {
    state.scope = this.#made;
  }

  /** Lets the tensors inside `value` outlive this scope; they then belong to the enclosing one, if there is one. */
  keep<T>(value: T): T {
    collect(value, this.#results);
    return value;
  }

  /** Does nothing the second time. */
  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    state.scope = this.#outer;
    for (const tensor of this.#made) {
      if (tensor.kept) continue;
      if (this.#results.has(tensor)) this.#outer?.push(tensor);
      else tensor.dispose();
    }
  }
}

function collect(value: unknown, into: Set<Tensor>, seen: Set<unknown> = new Set()): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (isHandle(value)) {
    into.add(value);
    return;
  }
  const inside = value instanceof Map || value instanceof Set ? value.values() : plain(value);
  for (const item of inside) collect(item, into, seen);
}

function plain(value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.values(value) : [];
}

function isHandle(value: object): value is Tensor {
  return "storage" in value && "dispose" in value;
}

/**
 * Runs `body`, an op made of others, and frees its temporaries. The result, a tensor or a list of tensors, goes on
 * living in the enclosing scope. Cheaper than {@link scope}, which searches the result for tensors at any depth.
 */
export function tidy<T>(body: () => T): T {
  const outer = state.scope;
  const made: Tensor[] = [];
  state.scope = made;
  let result: T | undefined;
  try {
    result = body();
    return result;
  } finally {
    state.scope = outer;
    for (const tensor of made) settle(tensor, result, outer);
  }
}

function settle(tensor: Tensor, result: unknown, outer: Tensor[] | null): void {
  if (tensor.kept) return;
  if (tensor === result || (Array.isArray(result) && result.includes(tensor))) outer?.push(tensor);
  else tensor.dispose();
  if (tensor === result) forgetBase(tensor);
}

/**
 * Once the base of a view was disposed, nobody can read it any more. The view then need not track it: later writes into
 * the view concern only the view itself.
 */
function forgetBase(view: Tensor): void {
  if (!view.base?.isDisposed) return;
  // Reading the node brings the history of the view up to date with what was written through the base so far.
  void view.node;
  view.base = null;
}
