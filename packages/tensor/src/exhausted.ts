/** The error for running out of a device's memory. It says what holds the memory and how to free some. */
import type { TensorMeta } from "./backend.ts";
import { showShape, TensorError } from "./errors.ts";

export interface Shortage {
  readonly device: string;
  /** Bytes that were asked for. */
  readonly needed: number;
  /** The most bytes that may be held. */
  readonly limit: number;
  /** The most bytes of a single block, if that is less than `limit`. */
  readonly largest?: number;
  /** The blocks in use: their sizes in bytes, and how many there are of each. */
  readonly blocks: Iterable<readonly [size: number, count: number]>;
  /** The name of the setting that raises the limit, if there is one. */
  readonly raise?: string | undefined;
}

/** How many sizes of blocks the message lists, those with the largest share first. */
const named = 4;

export function failExhausted(shortage: Shortage): never {
  throw new ExhaustedError(shortage);
}

class ExhaustedError extends TensorError {
  readonly shortage: Shortage;

  constructor(shortage: Shortage, purpose: string = "") {
    const { device, needed, limit, blocks } = shortage;
    const shares = [...blocks].filter(([, count]) => count > 0).sort(([a, m], [b, n]) => b * n - a * m);
    const held = shares.reduce((sum, [size, count]) => sum + size * count, 0);
    const list = shares.slice(0, named).map(([size, count]) => `${count} of ${readable(size)}`);
    if (shares.length > named) list.push("smaller ones");
    super(
      `${device}: out of memory: ${readable(needed)} needed${purpose}, ${readable(held)} of ${readable(limit)} held by ` +
        `tensors${list.length > 0 ? ` (${list.join(", ")})` : ""}. ${remedy(shortage)}`,
    );
    this.shortage = { ...shortage, blocks: shares };
  }
}

/** Adds to an error what the memory was needed for. */
export function explainShortage(error: unknown, op: string, outputs: readonly TensorMeta[]): unknown {
  if (!(error instanceof ExhaustedError)) return error;
  const made = outputs.map(({ dtype, shape }) => `${dtype} ${showShape(shape)}`).join(", ");
  return new ExhaustedError(error.shortage, ` for ${op}, which makes ${made}`);
}

function remedy({ needed, limit, largest = limit, raise }: Shortage): string {
  const raised = raise ? `, or raise ${raise}` : "";
  const parts = "Split the work into parts, or take a smaller dtype";
  if (needed > largest && largest < limit) return `One tensor holds ${readable(largest)} at most. ${parts}`;
  if (needed > limit) return `${parts}${raised}`;
  return (
    "In a loop that never awaits, put scope(() => …) around each step, since forgotten tensors may be found between " +
    `macrotasks only; else free results with using or dispose(), await reclaim() between steps, make the batch smaller${raised}`
  );
}

/** A number of bytes in the largest fitting unit. */
function readable(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[power]}`;
}
