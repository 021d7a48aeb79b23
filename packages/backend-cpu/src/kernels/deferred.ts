/**
 * Long element-wise results wait until somebody touches them. What then reads other results that still wait takes over
 * their formulas, so a chain is one pass over memory, and what lies between is never written unless it is asked for.
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

/** Elements from which an op waits: fewer lie in the nearest caches anyway. */
export const LONG = 2 ** 15;
/** Nodes of a formula that costs less than a pass over memory: it is repeated rather than its result written. */
export const CHEAP = 8;
/** The same where it is read by one who alone holds it: hardly anybody will ask for it again. */
export const ALONE: number = 5 * CHEAP;
/** What a pass over memory costs, by {@link costOf}. */
const PASS = CHEAP / 4;
/** How often a cheap formula is repeated: what is read again and again, as a data set is, is better written. Others are computed once. */
const MOST_REPEATS = 4;
/** Nodes of a fused formula at most. */
const MOST_WORK = 256;
/**
 * The same where two parts cost more than a pass: of longer ones too few elements are under way at once, and constants leave
 * the registers. Results that are looked up cost the same whatever they are.
 */
const MOST_OF_TWO = 40;
/** Nodes from which what is made of one 16-bit number is rather looked up alone than computed with others. */
const LOOKED_UP = 16;
/** Fused formulas that are compiled at most. */
const MOST_KERNELS = 512;

/** An op that waits. Long results come between others that sweep the caches, so to make one touches little memory. */
export class Deferred implements Pending {
  readonly kernel: Elementwise;
  readonly inputs: KernelInput[] = [];
  readonly sources: CpuStorage[] = [];
  /** Nodes of a formula that takes over all that waits below. */
  work = 0;
  /** Whether some of them have exceptions. */
  isPatched = false;
  readonly #shape: readonly number[];
  /** What that formula reads, each once, numbers by what they are called. */
  #reads: (CpuStorage | string)[] = [];
  /** How many ops read it while it waits. */
  #readers = 0;
  /** How many of them computed it on the way. */
  #repeats = 0;

  constructor(kernel: Elementwise, inputs: readonly KernelInput[], shape: readonly number[]) {
    this.kernel = kernel;
    this.#shape = shape;
    for (const x of inputs) {
      this.inputs.push(seen(x));
      if (typeof x !== "number") this.sources.push(x.storage as CpuStorage);
    }
    this.#measure();
    if (this.#computeFirst()) this.#measure();
    for (const { pending } of this.sources) if (pending instanceof Deferred) pending.#readers++;
  }

  /** Computes all sources where it would be too long, and those that are long and can be looked up; whether there were any. */
  #computeFirst(): boolean {
    const { weight } = this.kernel.what;
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

  /** Whether it makes a 16-bit number of one alone. */
  #isOfHalf(): boolean {
    const { output } = this.kernel;
    if (!areHalves(output, output)) return false;
    const [source, other] = this.#reads.filter((x) => typeof x !== "string");
    return !other && areHalves(source?.dtype, output);
  }

  #waiting(): Deferred[] {
    return this.sources.flatMap(({ pending }) => (pending instanceof Deferred ? [pending] : []));
  }

  #measure(): void {
    const { kernel, inputs } = this;
    this.work = Math.max(2, kernel.what.weight);
    this.isPatched = kernel.what.isPatched;
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

  #read(what: CpuStorage | string): void {
    if (!this.#reads.includes(what)) this.#reads.push(what);
  }

  /** Whether an op over `view` can compute it on the way. */
  suits({ shape, strides, offset }: View): boolean {
    if (offset !== 0 || !sameShape(shape, this.#shape) || !isContiguous(shape, strides)) return false;
    const isCheap = this.kernel.what.weight <= CHEAP;
    return (this.#readers < 2 || isCheap) && this.#repeats < (isCheap ? MOST_REPEATS : 1);
  }

  /** To be called by who computed it on the way. */
  repeat(): void {
    this.#repeats++;
  }

  /** Whether its elements may be written to `target` while they are computed. */
  mayOverwrite(target: View): boolean {
    const isFree = (x: KernelInput): boolean => {
      if (typeof x === "number" || x.storage !== target.storage) return true;
      return isSame(x, target) && !this.isPatched;
    };
    return this.inputs.every(isFree) && this.#waiting().every((below) => below.mayOverwrite(target));
  }

  /** What waits below, and nobody else reads. */
  ownSources(): CpuStorage[] {
    const own = this.sources.filter(({ pending, isShared }) => pending instanceof Deferred && !isShared);
    return own.flatMap((source) => [source, ...(source.pending as Deferred).ownSources()]);
  }

  compute(storage: CpuStorage, address: number): void {
    launchFused(this.kernel, this.inputs, { storage, address, shape: this.#shape, dtype: storage.dtype });
  }
}

/** A view as it is now: its tensor may be disposed, or move to another device. */
export function seen(x: KernelInput): KernelInput {
  if (typeof x === "number") return x;
  const { storage, shape, strides, offset, dtype } = x;
  return { storage, shape, strides, offset, dtype };
}

/** The result of a call with one long output, if it can wait; `length` is that of the output. */
export function defer(backend: Backend, call: KernelCall, length: number): CpuStorage | undefined {
  const meta = call.outputs[0]!;
  const what = pointwiseOf(call);
  if (!what?.inputs.every((x) => typeof x === "number" || mayKeep(x, length))) return undefined;
  const pending = new Deferred(what.kernel, what.inputs, meta.shape);
  return new CpuStorage(backend, meta.dtype, length, pending);
}

/** What waits must not hold much more memory than its own elements would take, nor read what the user may write unseen. */
export function mayKeep({ storage }: View, length: number): boolean {
  return storage.length < 4 * length && !(storage as CpuStorage).isExposed;
}

/** What `view` is computed from, if it waits for the op `name` of one tensor: for kernels that know that op themselves. */
export function waitingSource(view: View, name: UnaryOp): View | undefined {
  const { pending } = view.storage as CpuStorage;
  if (!(pending instanceof Deferred && pending.kernel.name === name && pending.suits(view))) return undefined;
  return pending.inputs[0] as View;
}

/** Lets a whole tensor that waits wait for what is done to it, too. */
export function deferInto(call: KernelCall, target: View): boolean {
  const storage = target.storage as CpuStorage;
  const mayWait = (): boolean => storage.pending instanceof Deferred && storage.pending.suits(target);
  const what = mayWait() ? pointwiseOf(call) : undefined;
  if (!what?.inputs.every((x) => typeof x === "number" || mayKeep(x, storage.length))) return false;
  storage.settleReaders();
  if (!mayWait()) return false;
  storage.replace((before) => {
    const inputs = what.inputs.map((x) =>
      typeof x === "number" || x.storage !== storage ? x : { ...x, storage: before },
    );
    return new Deferred(what.kernel, inputs, target.shape);
  });
  return true;
}

/**
 * Computes what the input of a copy waits for in the copy's place, which may be among what it reads. It waits for that copy
 * from then on: nobody may ask for it again.
 */
export function computeInto({ op, inputs: [x] }: KernelCall, target: View, out: Output): boolean {
  if (op !== "copy") return false;
  const storage = (x as View).storage as CpuStorage;
  const { pending } = storage;
  if (!(pending instanceof Deferred && pending.suits(x as View) && mayKeep(target, storage.length))) return false;
  if (!pending.mayOverwrite(target)) return false;
  out.storage.settleReaders(new Set([storage, ...pending.ownSources()]));
  // Another reader may have needed it.
  if (storage.pending !== pending) return false;
  launchFused(pending.kernel, pending.inputs, out);
  storage.waitFor(new Deferred(casts[out.dtype](out.dtype), [target], out.shape));
  return true;
}

/** Writes the elements of a view; what waits for nobody else is not made anywhere else first. */
export function writeTo(x: View, out: Output): void {
  const { pending, isShared } = x.storage as CpuStorage;
  if (pending instanceof Deferred && !isShared && pending.suits(x)) launchFused(pending.kernel, pending.inputs, out);
  else convert(x, out);
}

/** Computes an element-wise call at once, with all that its inputs wait for; `false` for all others, and for short ones. */
export function runFused(call: KernelCall, out: Output): boolean {
  const what = sizeOf(out.shape) < LONG ? undefined : pointwiseOf(call);
  if (what) launchFused(what.kernel, what.inputs, out);
  return what !== undefined;
}

function launchFused(kernel: Elementwise, inputs: readonly KernelInput[], out: Output): void {
  const fusion = inputs.some(waits) ? fuse(kernel, inputs) : undefined;
  if (fusion) launch(fusion.kernel, fusion.inputs, out);
  else {
    for (const x of inputs) if (typeof x !== "number") void (x.storage as CpuStorage).block;
    launch(kernel, inputs, out);
  }
}

export function waits(x: KernelInput): boolean {
  return typeof x !== "number" && (x.storage as CpuStorage).pending !== null;
}

/** A chain as it is found: what it reads, and what it does with that. */
class Chain {
  readonly inputs: KernelInput[] = [];
  /** Where the numbers among them are. */
  readonly #numbers = new Map<string, number>();
  readonly steps: Step[] = [];
  readonly #done = new Map<Deferred, number>();

  /** Adds an op after all that its inputs wait for. */
  add(kernel: Elementwise, inputs: readonly KernelInput[]): number {
    const operands = inputs.map((x, i) => {
      if (isKnown(kernel, x)) return ZERO;
      return typeof x === "number" ? this.#number(x, kernel.inputs[i]!) : this.#operand(x);
    });
    return ~(this.steps.push({ kernel, operands }) - 1);
  }

  /** To be called once it is computed. */
  notice(): void {
    for (const pending of this.#done.keys()) pending.repeat();
  }

  #number(x: number, dtype: DType): number {
    const name = nameOf(x, dtype);
    const found = this.#numbers.get(name) ?? this.inputs.push(x) - 1;
    this.#numbers.set(name, found);
    return found;
  }

  #operand(x: View): number {
    const { pending } = x.storage as CpuStorage;
    if (!(pending instanceof Deferred && pending.suits(x))) return this.#input(x);
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

/** By the steps of the chain: how often it was met, and its kernel from the second time on. */
const kernels = new Map<string, { kernel: Elementwise | null | undefined }>();

/**
 * One kernel for an op and what its inputs wait for. A chain that is met for the first time is not worth compiling, unless
 * its kernel is `instead` of others.
 */
export function fuse(
  last: Elementwise,
  inputs: readonly KernelInput[],
  instead: boolean = false,
): { kernel: Elementwise; inputs: KernelInput[] } | undefined {
  settleOthers(inputs);
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
  if (known.kernel !== null) chain.notice();
  return known.kernel === null ? undefined : { kernel: known.kernel, inputs: chain.inputs };
}

/** What a chain cannot take over is computed before any of it is gathered: that may settle parts of it, and free what they read. */
function settleOthers(inputs: readonly KernelInput[]): void {
  for (const x of inputs) {
    if (typeof x === "number") continue;
    const { pending } = x.storage as CpuStorage;
    if (pending instanceof Deferred && pending.suits(x)) settleOthers(pending.inputs);
    else void (x.storage as CpuStorage).block;
  }
}

/** What an element costs: nodes, by how many elements are computed at once. */
function costOf({ what: { weight, lanes } }: Elementwise): number {
  return weight / (lanes === "scalar" ? 1 : lanes);
}

/** `null` where the chain as a whole takes fewer elements at once than its ops do, and that costs more than passes over memory. */
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
