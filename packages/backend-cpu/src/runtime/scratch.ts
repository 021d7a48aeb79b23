/** Scratch areas, one a thread, for packing and the like: a kernel finds its own with `m.scratch()`. */
import type { Block } from "./block.ts";
import { THREAD_AREAS, THREAD_BYTES } from "./layout.ts";
import type { Memory } from "./memory.ts";

export class Scratch {
  readonly #memory: Memory;
  readonly #areas: Block[] = [];

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /**
   * Makes sure that each of the first `threads` threads has at least `bytes` bytes; contents are lost when an area grows.
   * Call it while no task runs, before the kernel that needs it.
   */
  reserve(bytes: number, threads: number): void {
    for (let thread = 0; thread < threads; thread++) {
      const area = this.#areas[thread];
      if (area !== undefined && area.bytes >= bytes) continue;
      if (area !== undefined) this.#memory.release(area);
      delete this.#areas[thread];
      const block = this.#memory.allocate(bytes);
      this.#areas[thread] = block;
      this.#memory.heap.putAddress((THREAD_AREAS + THREAD_BYTES * thread) / 4, block.address);
    }
  }
}
