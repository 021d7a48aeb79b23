/** What running out of a device's memory says: who holds it, and how it comes back. */
import type { TensorMeta } from "./backend.ts";
import { showShape, TensorError } from "./errors.ts";

export interface Shortage {
  readonly device: string;
  /** Bytes that were asked for. */
  readonly needed: number;
  /** Bytes that may be held. */
  readonly limit: number;
  /** Bytes that one block may have, where those are fewer. */
  readonly largest?: number;
  /** How many blocks of which size, in bytes, are in use. */
  readonly blocks: Iterable<readonly [size: number, count: number]>;
  /** How the limit is raised, where it can be. */
  readonly raise?: string | undefined;
}

/** Sizes that are named; the largest shares come first. */
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

/** The same error, with what the memory was for. */
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

/** A size for people. */
function readable(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[power]}`;
}
