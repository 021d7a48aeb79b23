/** Fixed addresses at the bottom of the heap. Address 0 is never handed out. */

/** Int32 words of the fork-join protocol (see `threads.ts`). */
export const CONTROL = 64;
/** Float64 arguments of the task that runs. */
export const TASK_ARGUMENTS = 512;
export const MAX_ARGUMENTS = 32;
/** Eight bytes for each thread: the address of its scratch area. */
export const SCRATCH_TABLE = 1024;
export const MAX_THREADS = 256;
/** The first byte that the allocator may hand out. */
export const ARENA_START = 4096;
