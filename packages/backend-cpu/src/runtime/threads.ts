/**
 * Fork and join over the shared memory. A task is one exported function that is called for the chunks 0 … n-1.
 *
 * Each thread has a share of the task: a run of neighbouring chunks, the same in every task of that size, so that a
 * core mostly works on data that its caches still hold from the task before. A thread claims the chunks of its share
 * one by one (in WebAssembly, see `wasm/shares.ts`), and then those of other shares that nobody has claimed yet. The
 * calling thread takes part, and at the end waits only for chunks that others have claimed. So a worker that is asleep,
 * still starting or has no core delays nothing.
 *
 * Which thread runs a chunk is left to chance. Kernels must cut their work by the shapes alone, and chunks must write
 * to separate places; then results do not depend on the number of threads.
 */
import * as control from "./control.ts";
import { watchCrowding } from "./crowding.ts";
import type { Compiled, Engine, ShareLoop } from "./engine.ts";
import { builtin, environment } from "./host.ts";
import { CONTROL, MAX_ARGUMENTS, MAX_THREADS, TASK_ARGUMENTS } from "./layout.ts";
import { Scratch } from "./scratch.ts";
import { startWorker, type WorkerHandle } from "./worker.ts";

export class Threads {
  readonly #engine: Engine;
  readonly #scratch: Scratch;
  readonly #words: Int32Array;
  readonly #values: Float64Array;
  readonly #workers: WorkerHandle[] = [];
  readonly #sent = new Map<number, WebAssembly.Module>();
  readonly #canWait: boolean;
  readonly #crowded: (threads: number) => boolean;
  #count: number;
  #broken: boolean;
  #tag = 0;

  constructor(engine: Engine, crowded = watchCrowding(globalThis.process?.resourceUsage)) {
    const { heap } = engine.memory;
    this.#engine = engine;
    this.#scratch = new Scratch(engine.memory);
    // Not the views of the heap, which are replaced when it grows. These stay valid as long as memory is shared;
    // without shared memory there are no workers.
    this.#words = new Int32Array(heap.memory.buffer, CONTROL, control.CONTROL_WORDS);
    this.#values = new Float64Array(heap.memory.buffer, TASK_ARGUMENTS, MAX_ARGUMENTS);
    this.#broken = !heap.shared;
    this.#canWait = heap.shared && canWait(this.#words);
    this.#crowded = crowded;
    this.#count = defaultCount();
    for (let thread = 0; heap.shared && thread < MAX_THREADS; thread++) this.#words[shareOf(thread)] = control.CLOSED;
  }

  /** The number of threads that take part in a task, including the caller. */
  get count(): number {
    return this.#broken ? 1 : this.#count;
  }

  /** @throws RangeError unless it is a whole number from 1 to 256. */
  set count(value: number) {
    if (!Number.isInteger(value) || value < 1 || value > MAX_THREADS) {
      throw new RangeError(`setNumThreads: needs a whole number from 1 to ${MAX_THREADS}, got ${value}.`);
    }
    this.#count = value;
  }

  /**
   * Calls `name` of the module `key` as `name(chunk, chunks, ...args)` for every chunk, on as many threads as there are.
   * Each running call has a scratch area of `scratchBytes` to itself.
   *
   * @throws RangeError if `name` is not cut into chunks, or there are more than 4096 of them or 32 arguments; and if the
   * kernel traps.
   */
  parallel(key: string, name: string, chunks: number, args: readonly number[], scratchBytes = 0): void {
    const compiled = this.#engine.compiled(key);
    const loop = compiled.loops.get(name);
    if (loop === undefined || chunks > control.MAX_CHUNKS || args.length > MAX_ARGUMENTS) {
      throw new RangeError(`parallel: cannot run ${chunks} chunks of ${key}.${name} with ${args.length} arguments.`);
    }
    const active = Math.min(this.count, chunks);
    if (scratchBytes > 0) this.#scratch.reserve(scratchBytes, Math.max(1, active));
    if (active <= 1) {
      this.#work(loop, chunks, args);
      return;
    }
    this.#prepare(compiled, active);
    this.#publish(compiled, loop, chunks, args, active);
    this.#share(loop, chunks, args, active);
    if (Atomics.load(this.#words, control.FAILED) !== 0) {
      throw new Error(`parallel: the kernel ${key}.${name} trapped in a worker.`);
    }
  }

  /**
   * Runs a whole task on this thread. Takes the views from the heap, since memory that is not shared may have grown.
   */
  #work(loop: ShareLoop, chunks: number, args: readonly number[]): void {
    const words = this.#engine.memory.heap.i32;
    words[CONTROL / 4 + control.ALONE] = 0;
    words[CONTROL / 4 + control.COUNTS] = 0;
    loop.run(placeOf(control.ALONE), placeOf(control.COUNTS), 0, chunks, chunks, chunks, ...args);
  }

  /** Makes sure that there are enough workers, and that all of them have been sent the module. */
  #prepare(compiled: Compiled, active: number): void {
    if (!this.#sent.has(compiled.id)) {
      this.#sent.set(compiled.id, compiled.module);
      for (const worker of this.#workers) worker.post({ id: compiled.id, module: compiled.module });
    }
    while (this.#workers.length < active - 1 && !this.#broken) this.#startWorker();
  }

  #startWorker(): void {
    try {
      const worker = startWorker(() => {
        this.#broken = true;
      });
      worker.post({ memory: this.#engine.memory.heap.memory, thread: this.#workers.length + 1 });
      for (const [id, module] of this.#sent) worker.post({ id, module });
      this.#workers.push(worker);
    } catch {
      this.#broken = true;
    }
  }

  /** Writes the task down while all shares are closed, then opens them. That also makes everything written visible. */
  #publish(compiled: Compiled, loop: ShareLoop, chunks: number, args: readonly number[], active: number): void {
    const words = this.#words;
    this.#tag = (this.#tag + control.CHUNK_MASK + 1) | 0;
    words[control.DONE] = 0;
    words[control.FAILED] = 0;
    words[control.TOTAL] = chunks;
    words[control.MODULE] = compiled.id;
    words[control.FUNCTION] = loop.number;
    words[control.ACTIVE] = active;
    words[control.ARGUMENTS] = args.length;
    words[control.CROWDED] = this.#crowded(this.count) ? 1 : 0;
    for (let i = 0; i < args.length; i++) this.#values[i] = args[i]!;
    for (let thread = 0; thread < active; thread++) {
      Atomics.store(words, shareOf(thread), this.#tag | control.shareStart(thread, chunks, active));
    }
    Atomics.store(words, control.STATE, this.#tag);
    if (Atomics.load(words, control.SLEEPERS) > 0) Atomics.notify(words, control.STATE);
  }

  /**
   * Runs the chunks of the caller's own share, then those left in other shares, then waits for those that others took.
   */
  #share({ run }: ShareLoop, chunks: number, args: readonly number[], active: number): void {
    const words = this.#words;
    words[control.COUNTS] = 0;
    try {
      for (let thread = 0; thread < active; thread++) {
        const end = control.shareStart(thread + 1, chunks, active);
        run(placeOf(shareOf(thread)), placeOf(control.COUNTS), this.#tag, end, chunks, chunks, ...args);
      }
    } finally {
      this.#join(this.#close(chunks, active) - words[control.COUNTS]!);
    }
  }

  /** Closes all shares, which matters after a trap, and returns how many chunks were claimed by any thread. */
  #close(chunks: number, active: number): number {
    let claimed = 0;
    for (let thread = 0; thread < active; thread++) {
      const next = Atomics.or(this.#words, shareOf(thread), control.CLOSED) & control.CHUNK_MASK;
      const end = control.shareStart(thread + 1, chunks, active);
      claimed += Math.min(next, end) - control.shareStart(thread, chunks, active);
    }
    return claimed;
  }

  #join(others: number): void {
    const words = this.#words;
    for (let round = 0; ; round++) {
      const done = Atomics.load(words, control.DONE);
      if (done === others) return;
      if (round > control.SPIN && this.#canWait) this.#sleep(done);
    }
  }

  /** Sleeps until the word DONE has changed, or a millisecond has passed. */
  #sleep(done: number): void {
    const words = this.#words;
    Atomics.store(words, control.WAITING, 1);
    Atomics.wait(words, control.DONE, done, 1);
    Atomics.store(words, control.WAITING, 0);
  }
}

const shareOf = (thread: number): number => control.SHARES + thread * control.SHARE_WORDS;
/** The address of a word of the control block. */
const placeOf = (word: number): number => CONTROL + 4 * word;

/** Whether this thread may sleep. The main thread of a browser may not, and has to spin. */
function canWait(words: Int32Array): boolean {
  try {
    Atomics.wait(words, control.DONE, -1, 0);
    return true;
  } catch {
    return false;
  }
}

function defaultCount(): number {
  const wanted = Number(environment("DL_NUM_THREADS"));
  const offered = builtin("node:os")?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  const count = Number.isInteger(wanted) && wanted > 0 ? wanted : offered;
  return Math.max(1, Math.min(MAX_THREADS, count));
}
