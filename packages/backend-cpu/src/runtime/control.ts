/**
 * The words of the control block, through which threads agree on a task. They are indices into an Int32Array at
 * `CONTROL`. Words of different use are in different cache lines: what workers look at while they wait, what they
 * report, the description of the task, and the share of each thread.
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
/** 1 if others compete for the cores (see `crowding.ts`): then workers rest now and then. */
export const CROWDED = 38;
/** The share of a task that the calling thread runs alone. Workers do not look at it. */
export const ALONE = 48;
/** The share of thread t is at SHARES + t · SHARE_WORDS; at COUNTS + t · SHARE_WORDS, how many chunks it has taken of any share. */
export const SHARES: number = (THREAD_AREAS + SHARE - CONTROL) / 4;
export const COUNTS: number = (THREAD_AREAS + TAKEN - CONTROL) / 4;
export const SHARE_WORDS: number = THREAD_BYTES / 4;
export const CONTROL_WORDS: number = SHARES + MAX_THREADS * SHARE_WORDS;

/**
 * A share's low bits are its next chunk. The high bits are a tag, which differs between tasks that could be confused.
 */
export const CHUNK_MASK: number = 2 ** 13 - 1;
/** A number that no chunk has, as a share's next chunk: nothing can be claimed, while a task is being written down. */
export const CLOSED: number = CHUNK_MASK;
/** The most parts that a task may have. */
export const MAX_CHUNKS = 4096;
/** The first chunk of a thread's share, which is also the end of the share before. */
export const shareStart = (thread: number, chunks: number, active: number): number =>
  Math.floor((thread * chunks) / active);

/**
 * How often a thread looks for work before it goes to sleep: for some 20 to 40 µs, as long as gaps between kernels are.
 */
export const SPIN = 20000;
/** The same if cores are crowded. */
export const SHORT_SPIN: number = SPIN / 100;
/** On crowded cores a worker computes for so long, less than the system's time slice, and then rests on a timer. */
export const STRETCH_MS = 1;
export const REST_MS = 0.1;
