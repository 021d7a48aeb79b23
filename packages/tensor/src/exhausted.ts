/** What running out of a device's memory says: who holds it, and how it comes back. */
import { fail } from "./errors.ts";

export interface Shortage {
  readonly device: string;
  /** Bytes that were asked for. */
  readonly needed: number;
  /** Bytes that may be held. */
  readonly limit: number;
  /** How many blocks of which size, in bytes, are in use. */
  readonly blocks: Iterable<readonly [size: number, count: number]>;
  /** How the limit is raised. */
  readonly raise: string;
}

/** Sizes that are named; the largest shares come first. */
const named = 4;

export function failExhausted({ device, needed, limit, blocks, raise }: Shortage): never {
  const shares = [...blocks].filter(([, count]) => count > 0).sort(([a, m], [b, n]) => b * n - a * m);
  const held = shares.reduce((sum, [size, count]) => sum + size * count, 0);
  const list = shares.slice(0, named).map(([size, count]) => `${count} of ${readable(size)}`);
  if (shares.length > named) list.push("smaller ones");
  fail(
    device,
    `out of memory: ${readable(needed)} needed, ${readable(held)} of ${readable(limit)} held by tensors` +
      (list.length > 0 ? ` (${list.join(", ")})` : ""),
    "In a loop that never awaits, put scope(() => …) around each step, since forgotten tensors are found between " +
      "macrotasks only; else free results with using or dispose(), await between steps, make the batch smaller, or " +
      `raise ${raise}`,
  );
}

/** A size for people. */
function readable(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[power]}`;
}
