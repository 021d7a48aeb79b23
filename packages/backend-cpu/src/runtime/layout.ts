/** Fixed addresses at the bottom of the heap. Address 0 is never handed out. */

/** Int32 words of the fork-join protocol (see `threads.ts`). */
export const CONTROL = 64;
/** Float64 arguments of the task that runs. */
export const TASK_ARGUMENTS = 512;
export const MAX_ARGUMENTS = 32;
/**
 * For each thread the address of its scratch area, the word of its share in the task and, in a line of the caches that it has
 * to itself, room for a vector and the number of chunks that it has taken.
 */
export const THREAD_AREAS = 1024;
export const THREAD_BYTES = 128;
export const SHARE = 32;
export const NOTES = 64;
export const TAKEN = 96;
export const MAX_THREADS = 256;
/** The first byte that the allocator may hand out. */
export const ARENA_START: number = THREAD_AREAS + MAX_THREADS * THREAD_BYTES;
