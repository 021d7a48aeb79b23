/**
 * The words of the control block through which threads agree on a task; indices into an Int32Array at `CONTROL`. What
 * workers look at while they wait, what they report, what describes the task, and each thread's share of it lie in cache
 * lines of their own.
 */
import { CONTROL, MAX_THREADS, SHARE, TAKEN, THREAD_AREAS, THREAD_BYTES } from "./layout.ts";

/** The tag of the task. */
export const STATE = 0;
export const SLEEPERS = 1;
export const DONE = 16;
/** Whether the caller sleeps until DONE changes. */
export const WAITING = 17;
export const FAILED = 32;
export const TOTAL = 33;
export const MODULE = 34;
export const FUNCTION = 35;
export const ACTIVE = 36;
export const ARGUMENTS = 37;
/** Whether others want the cores: 1, and workers rest of themselves. */
export const CROWDED = 38;
/** The whole of a task that one thread does alone: nobody looks there. */
export const ALONE = 48;
/** The share of thread t is at SHARES + t · SHARE_WORDS; at COUNTS + t · SHARE_WORDS, how many chunks it has taken of any share. */
export const SHARES: number = (THREAD_AREAS + SHARE - CONTROL) / 4;
export const COUNTS: number = (THREAD_AREAS + TAKEN - CONTROL) / 4;
export const SHARE_WORDS: number = THREAD_BYTES / 4;
export const CONTROL_WORDS: number = SHARES + MAX_THREADS * SHARE_WORDS;

/** A share is a tag in the high bits, which no two tasks in sight of each other have, and its next chunk below. */
export const CHUNK_MASK: number = 2 ** 13 - 1;
/** A chunk that no task has: nothing can be claimed while a task is being written down. */
export const CLOSED: number = CHUNK_MASK;
/** The most parts that a task may have. */
export const MAX_CHUNKS = 4096;
/** The first chunk of a thread's share, and the end of the share before. */
export const shareStart = (thread: number, chunks: number, active: number): number =>
  Math.floor((thread * chunks) / active);

/** Rounds of looking before a thread goes to sleep: some 20 to 40 µs, the length of the gaps between kernels. */
export const SPIN = 20000;
/** The same where others want the core. */
export const SHORT_SPIN: number = SPIN / 100;
/** A crowded worker computes for so long, less than the system's slice, and then rests until its timer's next chance. */
export const STRETCH_MS = 1;
export const REST_MS = 0.1;
