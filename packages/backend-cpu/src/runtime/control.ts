/** The words of the control block through which threads agree on a task; indices into an Int32Array at `CONTROL`. */
export const STATE = 0;
export const DONE = 1;
export const SLEEPERS = 2;
export const FAILED = 3;
export const TOTAL = 4;
export const MODULE = 5;
export const FUNCTION = 6;
export const ACTIVE = 7;
export const ARGUMENTS = 8;
export const CONTROL_WORDS = 16;

/** STATE is a tag in the high bits, which no two tasks in sight of each other share, and the next ticket below. */
export const TICKET_BITS = 13;
export const TICKET_MASK: number = 2 ** TICKET_BITS - 1;
/** A ticket number that no task has: nothing can be claimed while a task is being written down. */
export const CLOSED: number = TICKET_MASK;
/** The most parts that a task may have. */
export const MAX_CHUNKS = 4096;

/** Rounds of looking before a thread goes to sleep: some 20 to 40 µs, the length of the gaps between kernels. */
export const SPIN = 20000;
