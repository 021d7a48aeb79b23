/**
 * When a backend asks for a garbage collection. The collector does not see device memory, and what was forgotten comes
 * back only after it ran: so it is asked where much was forgotten, or where its last run is so long ago that another
 * one does not show. What it found is told between macrotasks, hence the promises.
 */
interface Vm {
  runInNewContext(code: string): unknown;
  createContext(sandbox: object, options: { microtaskMode: "afterEvaluate" }): object;
  Script: new (code: string) => { runInContext(context: object): unknown };
}

interface Host {
  gc?: () => void;
  process?: { getBuiltinModule?(name: string): unknown };
  performance: { now(): number };
  setImmediate?(task: () => void): unknown;
  setTimeout(task: () => void, milliseconds: number): unknown;
}

const host = globalThis as unknown as Host;

/** More than this is never left to be found later, unless it is little beside what is held; nor half of what is free. */
const much = 192 * 2 ** 20;
/** Less than this always is. Between them, collections take at most a part of the time. */
const little = 8 * 2 ** 20;
const part = 1 / 32;
/** More than this costs more to take from the system than a collection does, which may take half of the time. */
const fresh = 64 * 2 ** 20;
/** V8 tells one FinalizationRegistry a macrotask, ours among others. Where there is no setImmediate, they are long. */
const turns = host.setImmediate ? 16 : 4;

export class Pressure {
  readonly #held: () => number;
  readonly #limit: () => number;
  /** What was held when the collector had last run, or less. */
  #baseline = 0;
  #ended: number = host.performance.now();
  #cost = 0;
  #running: Promise<void> | null = null;

  /**
   * @param held bytes that are in use, or forgotten and not found yet
   * @param limit bytes that may be held
   */
  constructor(held: () => number, limit: () => number = () => Number.POSITIVE_INFINITY) {
    this.#held = held;
    this.#limit = limit;
  }

  /** Bytes that came to be held since the last collection: the most that another one can find. */
  get bytes(): number {
    const held = this.#held();
    this.#baseline = Math.min(this.#baseline, held);
    return held - this.#baseline;
  }

  /** Whether so much is at stake that a collection is worth its milliseconds at once. */
  get isHigh(): boolean {
    const { bytes } = this;
    return bytes > Math.max(much, this.#held() / 4) || bytes > (this.#limit() - this.#baseline) / 2;
  }

  /** Whether looking for what was forgotten is cheaper than going on to take memory from the system. */
  get isFelt(): boolean {
    const { bytes } = this;
    if (bytes > (this.#limit() - this.#baseline) / 2) return true;
    return bytes > Math.max(fresh, this.#held() / 4) && this.#cost <= host.performance.now() - this.#ended;
  }

  /**
   * For a loop that never lets other tasks run: a collection at once, where the host can. `find` looks for what weak
   * references have lost, those that were made since the last task included.
   */
  collectNow(find: () => void): void {
    const collect = collectorOfNow();
    if (collect === null) return;
    const start = host.performance.now();
    collect();
    find();
    this.#settle(start);
  }

  /** For the time between two steps: a collection where one is due, `undefined` where none is. */
  relieve(): Promise<void> | undefined {
    if (this.#running !== null) return this.#running;
    const idle = host.performance.now() - this.#ended;
    const isDue = this.isHigh || (this.bytes > little && this.#cost <= part * idle);
    return isDue ? this.collect() : undefined;
  }

  /** For the middle of a step: a collection after the current macrotask, if the pressure is high or `needed`. */
  relieveSoon(needed: boolean = this.isHigh): void {
    if (needed && this.#running === null) this.#running = macrotask().then(() => this.#collect());
  }

  /** Collects garbage, where the host can be asked to, and lets it be told of. */
  collect(): Promise<void> {
    return (this.#running ??= this.#collect());
  }

  async #collect(): Promise<void> {
    const start = host.performance.now();
    collectGarbage();
    for (let turn = 0; turn < turns; turn++) await macrotask();
    this.#settle(start);
    this.#running = null;
  }

  #settle(start: number): void {
    this.#baseline = this.#held();
    this.#ended = host.performance.now();
    this.#cost = this.#ended - start;
  }
}

/** Lets pending macrotasks run, finalizers among them. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (host.setImmediate) host.setImmediate(resolve);
    else host.setTimeout(resolve, 0);
  });
}

let collector: (() => void) | null | undefined;
let collectorNow: (() => void) | null | undefined;

function collectGarbage(): void {
  if (collector === undefined) collector = findCollector();
  collector?.();
}

const nodeModule = (name: string): unknown => host.process?.getBuiltinModule?.(name);

/** In Node `gc` can be had at run time: a context that is made while the flag is set has it. Browsers take hints. */
function findCollector(): (() => void) | null {
  if (host.gc) return host.gc;
  const v8 = nodeModule("node:v8") as { setFlagsFromString(flags: string): void } | undefined;
  const vm = nodeModule("node:vm") as Vm | undefined;
  if (!v8 || !vm) return hint;
  v8.setFlagsFromString("--expose-gc");
  const gc = vm.runInNewContext("typeof gc === 'function' ? gc : null") as (() => void) | null;
  v8.setFlagsFromString("--no-expose-gc");
  return gc && (() => gc());
}

/** Engines begin to collect when buffers that they count grow by this much. Nobody writes it, so it takes no memory. */
function hint(): void {
  try {
    Reflect.construct(ArrayBuffer, [fresh]); // `new ArrayBuffer` is what bundlers drop
  } catch {
    // No such buffer to be had: then the engine collects of itself.
  }
}

/**
 * An engine keeps what weak references were made to, or asked for, until a task's microtasks are done. Those of a context
 * that has its own are done when its script is.
 */
function collectorOfNow(): (() => void) | null {
  if (collectorNow !== undefined) return collectorNow;
  if (collector === undefined) collector = findCollector();
  const gc = collector;
  const vm = nodeModule("node:vm") as Vm | undefined;
  if (!gc || !vm) return (collectorNow = null);
  const context = vm.createContext({}, { microtaskMode: "afterEvaluate" });
  const script = new vm.Script("0");
  return (collectorNow = () => {
    script.runInContext(context);
    gc();
  });
}
