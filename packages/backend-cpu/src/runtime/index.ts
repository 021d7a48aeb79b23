/** The one runtime of this thread: every thread of the user that imports the library has its own. */
import { Engine } from "./engine.ts";
import { Memory } from "./memory.ts";
import { Threads } from "./threads.ts";

export const memory: Memory = new Memory();
export const engine: Engine = new Engine(memory);
export const threads: Threads = new Threads(engine);
/** Typed arrays over all of the memory; read the fields anew after an allocation. */
export const heap: Memory["heap"] = memory.heap;

/**
 * The number of threads that kernels run on, the caller included: what the machine offers, unless the environment variable
 * `DL_NUM_THREADS` or {@link setNumThreads} says otherwise; 1 where memory cannot be shared.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.get_num_threads.html
 */
export function getNumThreads(): number {
  return threads.count;
}

/**
 * Sets the number of threads that kernels run on. Results do not depend on it. Where several threads of a program use the
 * library at once, give each its share.
 *
 * @throws RangeError unless `count` is a whole number from 1 to 256.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_num_threads.html
 */
export function setNumThreads(count: number): void {
  threads.count = count;
}
