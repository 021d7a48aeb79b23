/** The one runtime of this thread: every thread of the user that imports the library has its own. */
import { fail } from "@dl/tensor";
import { Engine } from "./engine.ts";
import { Memory } from "./memory.ts";
import { Threads } from "./threads.ts";

/** @internal */
export const memory: Memory = new Memory();
/** @internal */
export const engine: Engine = new Engine(memory);
/** @internal */
export const threads: Threads = new Threads(engine);
/** @internal Typed arrays over all of the memory; read the fields anew after an allocation. */
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

/** The most bytes that tensors on the CPU may hold, room between them included. */
export function getMemoryLimit(): number {
  return memory.limit;
}

/**
 * Sets how many bytes tensors on the CPU may hold; 4 GiB, or less where the host reserves less, unless said. Beyond it,
 * operations throw an error that tells what is held. What is held already stays. With the environment variable (in
 * browsers the global variable) `DL_MEMORY64=1`, set before this package is imported, it is 16 GiB where the host has that:
 * Node 24, Chromium. One tensor may hold 2 GiB of them. Matrix products and convolutions are slower then.
 *
 * @throws TensorError unless `bytes` is a positive number
 */
export function setMemoryLimit(bytes: number): void {
  if (!(bytes > 0)) fail("setMemoryLimit", `got ${bytes}`, "Give a positive number of bytes");
  memory.limit = Math.min(bytes, heap.maximumBytes);
}
