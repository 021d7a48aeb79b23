/**
 * Deferred element-wise operations. A long element-wise result stays pending until somebody reads it. If the operation
 * that reads it is element-wise too, the formulas are fused into one kernel: a chain of operations becomes one pass
 * over memory, and the results in between are never written unless somebody asks for them.
 *
 * Sizes of formulas are counted in nodes of their trees (`work`, and `weight` for that of one operation).
 */
import {
  type Backend,
  type DType,
  isContiguous,
  type KernelCall,
  type KernelInput,
  sameShape,
  sizeOf,
  type UnaryOp,
  type View,
} from "@dl/tensor";
import { CpuStorage, type Pending } from "../storage.ts";
import { casts, convert } from "./copy.ts";
import { Elementwise } from "./elementwise.ts";
import type { Output } from "./kernel.ts";
import { MOST_OPERANDS } from "./plan.ts";
import { launch, pointwiseOf } from "./pointwise.ts";
import { build, isKnown, nameOf, type Step, shortNameOf, ZERO } from "./steps.ts";
import { areHalves } from "./tabulated.ts";

/** Results with fewer elements are computed at once: they stay in the nearest caches anyway. */
export const LONG = 2 ** 15;
/**
 * A formula of at most so many nodes costs less than a pass over memory: recomputing it is cheaper than writing it
 * down.
 */
export const CHEAP = 8;
/** The same limit for a result with a single holder, since hardly anybody will ask for it again. */
export const CHEAP_UNSHARED: number = 5 * CHEAP;
/** What a pass over memory costs, in the unit of {@link costOf}. */
const PASS = CHEAP / 4;
/**
 * How often a cheap formula is recomputed by its readers. What is read again and again, such as a data set, is better
 * written once. Formulas that are not cheap are computed by one reader at most.
 */
const MOST_REPEATS = 4;
/** The most nodes of a fused formula. */
const MOST_WORK = 256;
/**
 * The limit where both the operation and what it would take over cost more than a pass over memory. In longer loops the
 * processor overlaps too few elements, and constants no longer fit into registers. It does not apply to formulas whose
 * results are looked up in a table, since a look-up takes the same time whatever the formula is.
 */
const MOST_OF_TWO = 40;
/** From so many nodes on, a function of one 16-bit number is better looked up by itself than fused with others. */
const LOOKED_UP = 16;
/** The most fused kernels that are compiled. */
const MOST_KERNELS = 512;

/**
 * An element-wise operation that has not been computed yet. Creating one touches little memory, to leave the caches
 * alone.
 */
export class Deferred implements Pending {
  readonly kernel: Elementwise;
  readonly inputs: KernelInput[] = [];
  readonly sources: CpuStorage[] = [];
  /** Nodes of the formula, including those of all deferred sources that it takes over. */
  work = 0;
  /** Whether that formula contains a `patch`, see `expression.ts`. */
  isPatched = false;
  readonly #shape: readonly number[];
  /** The distinct operands of that formula: storages, and the names of numbers. */
  #reads: (CpuStorage | string)[] = [];
  /** How many deferred operations read this one. */
  #readers = 0;
  /** How many readers have computed it as a part of their own formula. */
  #repeats = 0;

  constructor(kernel: Elementwise, inputs: readonly KernelInput[], shape: readonly number[]) {
    this.kernel = kernel;
    this.#shape = shape;
    for (const x of inputs) {
      this.inputs.push(snapshot(x));
      if (typeof x !== "number") this.sources.push(x.storage as CpuStorage);
    }
    this.#measure();
    if (this.#computeFirst()) this.#measure();
    for (const { pending } of this.sources) if (pending instanceof Deferred) pending.#readers++;
  }

  /**
   * Computes the sources that should not be fused into this operation: all of them where the formula would become too
   * long, otherwise those whose results are better looked up in a table. Returns whether there were any.
   */
  #computeFirst(): boolean {
    const { weight } = this.kernel.formula;
    const isOfHalf = this.#isOfHalf();
    const most = Math.min(weight, this.work - weight) > CHEAP && !isOfHalf ? MOST_OF_TWO : MOST_WORK;
    const [x, y] = this.sources;
    const isLookedUpAlone = weight >= LOOKED_UP && !y && !isOfHalf && areHalves(x?.dtype, this.kernel.output);
    const isAll = this.work > most || this.#reads.length >= MOST_OPERANDS || isLookedUpAlone;
    let some = false;
    for (const source of this.sources) {
      const { pending } = source;
      const isLookedUp = pending instanceof Deferred && pending.work >= LOOKED_UP && pending.#isOfHalf();
      if (!isAll && (isOfHalf || !isLookedUp)) continue;
      void source.block;
      some = true;
    }
    return some;
  }

  /** Whether it is a function of one 16-bit tensor with a 16-bit result, which can be looked up in a table. */
  #isOfHalf(): boolean {
    const { output } = this.kernel;
    if (!areHalves(output, output)) return false;
    const [source, other] = this.#reads.filter((x) => typeof x !== "string");
    return !other && areHalves(source?.dtype, output);
  }

  #deferredSources(): Deferred[] {
    return this.sources.flatMap(({ pending }) => (pending instanceof Deferred ? [pending] : []));
  }

  #measure(): void {
    const { kernel, inputs } = this;
    this.work = Math.max(2, kernel.formula.weight);
    this.isPatched = kernel.formula.isPatched;
    this.#reads = [];
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i]!;
      if (typeof x !== "number") this.#readFrom(x.storage as CpuStorage);
      else if (!isKnown(kernel, x)) this.#read(nameOf(x, kernel.inputs[i]!));
    }
  }

  #readFrom(source: CpuStorage): void {
    const { pending } = source;
    if (!(pending instanceof Deferred)) this.#read(source);
    else {
      this.work += pending.work - 1;
      this.isPatched ||= pending.isPatched;
      for (const each of pending.#reads) this.#read(each);
    }
  }

  #read(operand: CpuStorage | string): void {
    if (!this.#reads.includes(operand)) this.#reads.push(operand);
  }

  /** Whether an operation that reads `view`, a view of this result, may compute it as a part of its own formula. */
  canFuse(view: View): boolean {
    if (!isWhole(view, this.#shape)) return false;
    const isCheap = this.kernel.formula.weight <= CHEAP;
    return (this.#readers < 2 || isCheap) && this.#repeats < (isCheap ? MOST_REPEATS : 1);
  }

  /** Call it after a reader has computed this as a part of its own formula. */
  noteRepeat(): void {
    this.#repeats++;
  }

  /** Whether the elements may be written over those of `target` while they are being computed. */
  mayOverwrite(target: View): boolean {
    const isFree = (x: KernelInput): boolean => {
      if (typeof x === "number" || x.storage !== target.storage) return true;
      return isSame(x, target) && !this.isPatched;
    };
    return this.inputs.every(isFree) && this.#deferredSources().every((source) => source.mayOverwrite(target));
  }

  /** The deferred sources, direct and indirect, that nothing else holds. */
  ownSources(): CpuStorage[] {
    const own = this.sources.filter(({ pending, isShared }) => pending instanceof Deferred && !isShared);
    return own.flatMap((source) => [source, ...(source.pending as Deferred).ownSources()]);
  }

  compute(storage: CpuStorage, address: number): void {
    launchFused(this.kernel, this.inputs, { storage, address, shape: this.#shape, dtype: storage.dtype });
  }
}

/** Whether a view covers a row-major tensor of `shape` from its first element on. */
export function isWhole({ shape, strides, offset }: View, whole: readonly number[]): boolean {
  return offset === 0 && sameShape(shape, whole) && isContiguous(shape, strides);
}

/** A copy of a view's fields: its tensor may be disposed, or move to another device, before the view is read. */
export function snapshot(x: KernelInput): KernelInput {
  if (typeof x === "number") return x;
  const { storage, shape, strides, offset, dtype } = x;
  return { storage, shape, strides, offset, dtype };
}

/** Defers a call with one long output of `length` elements; `undefined` if it must be computed at once. */
export function defer(backend: Backend, call: KernelCall, length: number): CpuStorage | undefined {
  const meta = call.outputs[0]!;
  const operation = pointwiseOf(call);
  if (!operation?.inputs.every((x) => typeof x === "number" || mayKeep(x, length))) return undefined;
  const pending = new Deferred(operation.kernel, operation.inputs, meta.shape);
  return new CpuStorage(backend, meta.dtype, length, pending);
}

/**
 * Whether a pending result of `length` elements may hold on to a view. It must not keep much more memory alive than its
 * own elements would take, nor read memory that the user may write unnoticed.
 */
export function mayKeep({ storage }: View, length: number): boolean {
  return storage.length < 4 * length && !(storage as CpuStorage).isExposed;
}

/**
 * The input of the deferred operation `name` that `view` is the result of, for kernels that can apply it themselves.
 */
export function deferredInput(view: View, name: UnaryOp): View | undefined {
  const { pending } = view.storage as CpuStorage;
  if (!(pending instanceof Deferred && pending.kernel.name === name && pending.canFuse(view))) return undefined;
  return pending.inputs[0] as View;
}

/** Defers an in-place operation on a result that is deferred itself. Returns whether it did. */
export function deferInto(call: KernelCall, target: View): boolean {
  const storage = target.storage as CpuStorage;
  const isDeferred = (): boolean => storage.pending instanceof Deferred && storage.pending.canFuse(target);
  const operation = isDeferred() ? pointwiseOf(call) : undefined;
  if (!operation?.inputs.every((x) => typeof x === "number" || mayKeep(x, storage.length))) return false;
  storage.settleReaders();
  // Settling the readers may have computed it.
  if (!isDeferred()) return false;
  storage.replace((before) => {
    const inputs = operation.inputs.map((x) =>
      typeof x === "number" || x.storage !== storage ? x : { ...x, storage: before },
    );
    return new Deferred(operation.kernel, inputs, target.shape);
  });
  return true;
}

/**
 * For `target.copy_(x)` with a deferred `x`: computes `x` straight into `target`, which may be one of its operands.
 * From then on `x` is a deferred copy of `target`, which is never made unless somebody asks for `x` again.
 */
export function computeInto({ op, inputs: [x] }: KernelCall, target: View, out: Output): boolean {
  if (op !== "copy") return false;
  const storage = (x as View).storage as CpuStorage;
  const { pending } = storage;
  if (!(pending instanceof Deferred && pending.canFuse(x as View) && mayKeep(target, storage.length))) return false;
  if (!pending.mayOverwrite(target)) return false;
  out.storage.settleReaders(new Set([storage, ...pending.ownSources()]));
  // Settling the other readers of the target may have computed it.
  if (storage.pending !== pending) return false;
  launchFused(pending.kernel, pending.inputs, out);
  storage.waitFor(new Deferred(casts[out.dtype](out.dtype), [target], out.shape));
  return true;
}

/** Copies a view to `out`. A deferred result that nobody else holds is computed there, without memory of its own. */
export function writeTo(x: View, out: Output): void {
  const { pending, isShared } = x.storage as CpuStorage;
  if (pending instanceof Deferred && !isShared && pending.canFuse(x)) launchFused(pending.kernel, pending.inputs, out);
  else convert(x, out);
}

/** Computes a long element-wise call now, fused with its deferred inputs; `false` for any other call. */
export function runFused(call: KernelCall, out: Output): boolean {
  const operation = sizeOf(out.shape) < LONG ? undefined : pointwiseOf(call);
  if (operation) launchFused(operation.kernel, operation.inputs, out);
  return operation !== undefined;
}

function launchFused(kernel: Elementwise, inputs: readonly KernelInput[], out: Output): void {
  const fusion = inputs.some(isPending) ? fuse(kernel, inputs) : undefined;
  if (fusion) launch(fusion.kernel, fusion.inputs, out);
  else {
    for (const x of inputs) if (typeof x !== "number") void (x.storage as CpuStorage).block;
    launch(kernel, inputs, out);
  }
}

export function isPending(x: KernelInput): boolean {
  return typeof x !== "number" && (x.storage as CpuStorage).pending !== null;
}

/**
 * Collects the operations that are to be fused: `steps` in the order of their evaluation, and the `inputs` they read.
 */
class Chain {
  readonly inputs: KernelInput[] = [];
  /** The index in `inputs` of each number, by its name. */
  readonly #numbers = new Map<string, number>();
  readonly steps: Step[] = [];
  readonly #done = new Map<Deferred, number>();

  /**
   * Adds an operation, after the deferred ones that compute its inputs. Returns the operand that stands for its result.
   */
  add(kernel: Elementwise, inputs: readonly KernelInput[]): number {
    const operands = inputs.map((x, i) => {
      if (isKnown(kernel, x)) return ZERO;
      return typeof x === "number" ? this.#number(x, kernel.inputs[i]!) : this.#operand(x);
    });
    return ~(this.steps.push({ kernel, operands }) - 1);
  }

  /** Counts a repeat for every deferred operation that was taken over. */
  noteRepeats(): void {
    for (const pending of this.#done.keys()) pending.noteRepeat();
  }

  #number(x: number, dtype: DType): number {
    const name = nameOf(x, dtype);
    const found = this.#numbers.get(name) ?? this.inputs.push(x) - 1;
    this.#numbers.set(name, found);
    return found;
  }

  #operand(x: View): number {
    const { pending } = x.storage as CpuStorage;
    if (!(pending instanceof Deferred && pending.canFuse(x))) return this.#input(x);
    const found = this.#done.get(pending) ?? this.add(pending.kernel, pending.inputs);
    this.#done.set(pending, found);
    return found;
  }

  #input(x: View): number {
    const found = this.inputs.findIndex((y) => typeof y !== "number" && isSame(x, y));
    return found >= 0 ? found : this.inputs.push(x) - 1;
  }
}

export function isSame(x: View, y: View): boolean {
  return x.storage === y.storage && x.offset === y.offset && sameShape(x.strides, y.strides);
}

/**
 * The fused kernels by the steps of their chains: `undefined` for a chain that was met once and is not compiled yet,
 * `null` for one that is not worth fusing.
 */
const kernels = new Map<string, { kernel: Elementwise | null | undefined }>();

/**
 * One kernel for an operation and the deferred ones that compute its inputs; `undefined` if they are not to be fused. A
 * chain that is met for the first time is not compiled, since it may never come again, unless the caller compiles a
 * kernel for it in any case (`instead` of one that reads the result from memory).
 */
export function fuse(
  last: Elementwise,
  inputs: readonly KernelInput[],
  instead: boolean = false,
): { kernel: Elementwise; inputs: KernelInput[] } | undefined {
  computeUnfusable(inputs);
  const chain = new Chain();
  chain.add(last, inputs);
  const { steps } = chain;
  if (steps.length < 2 || chain.inputs.length >= MOST_OPERANDS) return undefined;
  const key = shortNameOf(steps);
  const known = kernels.get(key) ?? { kernel: undefined };
  if (!kernels.has(key)) {
    if (kernels.size < MOST_KERNELS) kernels.set(key, known);
    if (!instead) return undefined;
  }
  if (known.kernel === undefined) known.kernel = fusedKernel(chain);
  if (known.kernel !== null) chain.noteRepeats();
  return known.kernel === null ? undefined : { kernel: known.kernel, inputs: chain.inputs };
}

/**
 * Computes the pending inputs that a chain cannot take over. This must happen before the chain is collected, because it
 * may compute members of the chain, too, and release what they read.
 */
function computeUnfusable(inputs: readonly KernelInput[]): void {
  for (const x of inputs) {
    if (typeof x === "number") continue;
    const { pending } = x.storage as CpuStorage;
    if (pending instanceof Deferred && pending.canFuse(x)) computeUnfusable(pending.inputs);
    else void (x.storage as CpuStorage).block;
  }
}

/** The cost of an element: nodes, divided by the number of elements that a vector computes at once. */
function costOf({ formula: { weight, lanes } }: Elementwise): number {
  return weight / (lanes === "scalar" ? 1 : lanes);
}

/**
 * The kernel of a chain. `null` where fusing does not pay: one operation without vector instructions makes the whole
 * chain scalar, which can cost more than the passes over memory that it saves.
 */
function fusedKernel({ steps, inputs }: Chain): Elementwise | null {
  const name = steps.map(({ kernel, operands }) => `${kernel.name} ${kernel.inputs} (${operands})`).join(" ");
  const types = inputs.map((_, i) => {
    const reader = steps.find(({ operands }) => operands.includes(i))!;
    return reader.kernel.inputs[reader.operands.indexOf(i)]!;
  });
  const kernel = new Elementwise(name, types, steps.at(-1)!.kernel.output, (...xs) => build(steps, xs));
  const apart = steps.reduce((sum, step) => sum + costOf(step.kernel), (steps.length - 1) * PASS);
  return costOf(kernel) > apart ? null : kernel;
}
