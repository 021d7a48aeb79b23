/**
 * Decides when a backend asks for a garbage collection. The collector does not know how much device memory hangs on
 * small JavaScript objects, and memory of forgotten tensors comes back only after it ran. So a backend asks for a run
 * when much may have been forgotten, or when the last run was so long ago that the cost of another one does not matter.
 * FinalizationRegistries learn of the result between macrotasks, which is why most methods return promises.
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

/** With more new bytes than this a collection is due at once, unless they are little beside what is held. */
const much = 192 * 2 ** 20;
/** With fewer new bytes than this none is due. In between, collections may take at most this `part` of the time. */
const little = 8 * 2 ** 20;
const part = 1 / 32;
/** Taking more bytes than this from the system costs more than a collection, which may then take half of the time. */
const fresh = 64 * 2 ** 20;
/**
 * How many macrotasks to wait after a collection. V8 notifies one FinalizationRegistry in each, and ours is only one of
 * several. Without setImmediate macrotasks take long, so there are fewer.
 */
const turns = host.setImmediate ? 16 : 4;

export class Pressure {
  readonly #held: () => number;
  readonly #limit: () => number;
  /** The bytes held right after the last collection, or less if they have gone down since. */
  #baseline = 0;
  #ended: number = host.performance.now();
  #cost = 0;
  #running: Promise<void> | null = null;

  /**
   * @param held bytes of tensors that are in use, or forgotten but not found by the collector yet
   * @param limit the most bytes that may be held
   */
  constructor(held: () => number, limit: () => number = () => Number.POSITIVE_INFINITY) {
    this.#held = held;
    this.#limit = limit;
  }

  /** The bytes allocated since the last collection, which is the most that another one can free. */
  get bytes(): number {
    const held = this.#held();
    this.#baseline = Math.min(this.#baseline, held);
    return held - this.#baseline;
  }

  /** Whether so many bytes may be freed that a collection is worth its milliseconds at once. */
  get isHigh(): boolean {
    const { bytes } = this;
    return bytes > Math.max(much, this.#held() / 4) || bytes > (this.#limit() - this.#baseline) / 2;
  }

  /** Whether a collection is cheaper than taking more memory from the system. */
  get isFelt(): boolean {
    const { bytes } = this;
    if (bytes > (this.#limit() - this.#baseline) / 2) return true;
    return bytes > Math.max(fresh, this.#held() / 4) && this.#cost <= host.performance.now() - this.#ended;
  }

  /**
   * For loops that never let other tasks run, so that no FinalizationRegistry is notified: collects at once, where the
   * host can do that, and then calls `find`, which looks for weak references whose targets are gone.
   */
  collectNow(find: () => void): void {
    const collect = collectorOfNow();
    if (collect === null) return;
    const start = host.performance.now();
    collect();
    find();
    this.#settle(start);
  }

  /** For the time between two steps: starts a collection if one is due, otherwise returns `undefined`. */
  relieve(): Promise<void> | undefined {
    if (this.#running !== null) return this.#running;
    const idle = host.performance.now() - this.#ended;
    const isDue = this.isHigh || (this.bytes > little && this.#cost <= part * idle);
    return isDue ? this.collect() : undefined;
  }

  /**
   * For the middle of a step: starts a collection after the current macrotask, if the pressure is high or it is
   * `needed`.
   */
  relieveSoon(needed: boolean = this.isHigh): void {
    if (needed && this.#running === null) this.#running = macrotask().then(() => this.#collect());
  }

  /** Collects garbage, where the host can be asked to, and waits until FinalizationRegistries have been notified. */
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

/** Lets pending macrotasks run, among them the callbacks of FinalizationRegistries. */
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

/**
 * In Node, `gc` is available without a command-line flag: contexts made while the flag is set at run time have it.
 * Browsers take hints.
 */
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
 * A collector that also finds weak references of the current task. Engines keep the target of a WeakRef that was made
 * or dereferenced until the microtasks of the task are done. Running a script in a context with a microtask queue of
 * its own counts as such an end.
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
