/**
 * One HTTP transfer into a `.part` file, resuming what is there. Whether the bytes are right is judged later by their
 * checksum, so a part may be continued from any mirror.
 */
import { open } from "node:fs/promises";
import { DatasetError, describe } from "../errors.ts";
import type { DownloadReporter } from "../files.ts";
import { fileSize } from "./folders.ts";

/** When to lose patience: a transfer that drips must deliver `minBytes` in every window, retries wait ever longer. */
export interface Patience {
  readonly windowMs: number;
  readonly minBytes: number;
  readonly retries: number;
  readonly backoffMs: number;
}

export const defaultPatience: Patience = { windowMs: 15_000, minBytes: 4096, retries: 2, backoffMs: 500 };

/** This mirror will not do, and asking again will not help. */
export class Refused extends Error {}

/** The part on disk is of no use with this mirror: it must be fetched from its first byte. */
export class Unresumable extends Error {}

export interface Transfer {
  readonly url: string;
  readonly part: string;
  readonly size: number;
  readonly patience: Patience;
  readonly reporter: DownloadReporter;
  readonly signal: AbortSignal;
}

/** Completes the part; true if some of it was there before. Throws {@link Refused}, or another error worth a retry. */
export async function transfer({ url, part, size, patience, reporter, signal }: Transfer): Promise<boolean> {
  const have = (await fileSize(part)) ?? 0;
  if (have === size) return true;
  const watch = watchdog(patience, signal);
  try {
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (have > 0) headers["range"] = `bytes=${have}-`;
    reporter.ask?.(url);
    const response = await fetch(url, { headers, signal: watch.signal }).catch(unreachable);
    const start = accept(response, have, size);
    reporter.start({ url, total: size, received: start });
    await save(response, { part, size, start, reporter, onBytes: watch.count });
    return start > 0;
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : error;
  } finally {
    watch.stop(); // this also closes a connection whose body nobody reads
  }
}

/** A name nobody knows and a port nobody listens on stay so for longer than anyone waits. */
function unreachable(error: unknown): never {
  const { code } = ((error as Error).cause ?? {}) as { readonly code?: string };
  throw code === "ENOTFOUND" || code === "ECONNREFUSED" ? new Refused(describe(error)) : error;
}

/** The offset at which the body starts; throws for an answer that is not the file. */
function accept(response: Response, have: number, size: number): number {
  const { status, headers } = response;
  const answer = `HTTP ${status} ${response.statusText}`.trimEnd();
  if (status >= 400 && status < 500 && ![408, 416, 429].includes(status)) throw new Refused(answer);
  if (!response.ok && status !== 416) throw new Error(answer);
  if (headers.get("content-type")?.includes("text/html")) {
    throw new Refused("it answered with a web page instead of the file");
  }
  const continues = status === 206 && headers.get("content-range")?.startsWith(`bytes ${have}-`);
  if (status === 416 || (status === 206 && !continues)) {
    throw new (have > 0 ? Unresumable : Refused)(`${answer} to a request from byte ${have}`);
  }
  const length = headers.get("content-length");
  if (status === 200 && length !== null && !headers.has("content-encoding") && Number(length) !== size) {
    throw new Refused(`it offers ${length} bytes, ${size} are needed`);
  }
  return continues ? have : 0;
}

interface Save extends Pick<Transfer, "part" | "size" | "reporter"> {
  readonly start: number;
  readonly onBytes: (count: number) => void;
}

async function save(response: Response, { part, size, start, reporter, onBytes }: Save): Promise<void> {
  let received = start;
  const file = await open(part, start > 0 ? "a" : "w").catch(unwritable(part));
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      received += chunk.length;
      if (received > size) throw new Refused(`it sends more than the ${size} bytes that are needed`);
      await file.appendFile(chunk).catch(unwritable(part));
      onBytes(chunk.length);
      reporter.advance(received);
    }
    await file.sync().catch(unwritable(part));
  } finally {
    await file.close();
  }
  if (received < size) throw new Error(`the connection ended after ${received} of ${size} bytes`);
}

/** A disk that is full or read-only does not get better with another mirror. */
export function unwritable(path: string): (error: unknown) => never {
  return (error) => {
    const remedy = "Free some space or give a folder that you can write to (root, or DL_HOME for the cache)";
    throw new DatasetError("unwritable", `${path}: cannot be written (${describe(error)}). ${remedy}`, {
      cause: error,
    });
  };
}

/** Aborts when a window passes with too few bytes: an idle timer would never fire on a slow drip. */
function watchdog({ windowMs, minBytes }: Patience, signal: AbortSignal) {
  const slow = new AbortController();
  let bytes = 0;
  let silent = true;
  const timer = setInterval(() => {
    const seconds = windowMs / 1000;
    if (silent) slow.abort(new Refused(`nothing came in ${seconds} s`));
    if (bytes < minBytes) slow.abort(new Error(`too slow: ${bytes} bytes in ${seconds} s`));
    bytes = 0;
  }, windowMs);
  return {
    signal: AbortSignal.any([slow.signal, signal]),
    count: (more: number): void => {
      bytes += more;
      silent = false;
    },
    stop: (): void => {
      clearInterval(timer);
      slow.abort();
    },
  };
}
