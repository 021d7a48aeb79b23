/**
 * Downloads that survive bad mirrors, broken connections, crashes and second processes. A file gets its final name only
 * after its checksum proved it, in one atomic step.
 */
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import lockfile from "proper-lockfile";
import { DatasetError, describe } from "../errors.ts";
import type { DownloadReporter, RemoteFile } from "../files.ts";
import { guarded } from "../reporting.ts";
import { isGood, makeFolder } from "./folders.ts";
import { defaultPatience, type Patience, Refused, transfer, Unresumable, unwritable } from "./transfer.ts";

export interface Download {
  readonly file: RemoteFile;
  readonly destination: string;
  readonly mirrors: readonly string[];
  readonly reporter: DownloadReporter;
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience;
}

/** A process that died while it held the lock keeps others waiting this long. */
const staleMs = 10_000;
const lockPollMs = 200;
/** A longer wait is told. */
const quietPolls = 5;

/** Brings `file` to `destination`, unless a good copy is there. Throws a {@link DatasetError}. */
export async function download(request: Download): Promise<void> {
  const { destination, file } = request;
  if (await isGood(destination, file)) return;
  const folder = dirname(destination);
  await makeFolder(folder).catch(unwritable(folder));
  const [lost, broken] = [new AbortController(), new AbortController()];
  const signal = AbortSignal.any([lost.signal, broken.signal, ...(request.signal ? [request.signal] : [])]);
  const job = { ...request, signal, reporter: guarded(request.reporter, (error) => broken.abort(error)) };
  const release = await acquire(job, (error) => lost.abort(error));
  try {
    if (!(await isGood(destination, file))) await fromMirrors(job);
    broken.signal.throwIfAborted();
  } finally {
    await release().catch(() => {});
  }
}

type Job = Download & { readonly signal: AbortSignal };

async function acquire({ destination: path, reporter, signal }: Job, onCompromised: (error: Error) => void) {
  for (let polls = 0; ; polls++) {
    signal.throwIfAborted();
    try {
      return await lockfile.lock(path, { realpath: false, stale: staleMs, update: staleMs / 5, onCompromised });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") unwritable(`${path}.lock`)(error);
    }
    if (polls === quietPolls) reporter.wait?.(path, staleMs / 1000);
    await sleep(lockPollMs, undefined, { signal }).catch(() => {}); // the next turn throws the signal's reason
  }
}

async function fromMirrors(job: Job): Promise<void> {
  const { file, destination, mirrors, signal, patience = defaultPatience } = job;
  const failures: { readonly url: string; readonly error: unknown }[] = [];
  for (const mirror of mirrors) {
    const url = mirror + file.name;
    try {
      return await pRetry(() => attempt(url, job, patience), {
        retries: patience.retries,
        minTimeout: patience.backoffMs,
        randomize: true,
        signal,
        shouldRetry: ({ error }) => !(error instanceof Refused || error instanceof DatasetError),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DatasetError) throw error;
      failures.push({ url, error });
    }
  }
  const list = failures.map(({ url, error }) => `\n  ${url}: ${describe(error)}`).join("");
  const remedy = `Check the network and try again, or put the file into ${dirname(destination)} by hand`;
  const cause = new AggregateError(failures.map(({ error }) => error));
  throw new DatasetError("download-failed", `${file.name}: no mirror gave a good copy${list}\n${remedy}`, { cause });
}

/** A part that turns out wrong, or that the server does not continue, is dropped and fetched anew. */
async function attempt(url: string, job: Job, patience: Patience): Promise<void> {
  const { file, destination, reporter, signal } = job;
  const part = `${destination}.part`;
  try {
    const resumed = await transfer({ url, part, size: file.size, patience, reporter, signal });
    if (!(await isGood(part, file))) throw new (resumed ? Unresumable : Refused)("wrong checksum");
    await rename(part, destination).catch(unwritable(destination));
    return reporter.stop();
  } catch (error) {
    reporter.stop({ url, reason: describe(error) });
    if ([Refused, Unresumable, DatasetError].some((type) => error instanceof type)) await rm(part, { force: true });
    // p-retry looks at a TypeError's text to tell network failures; here every other failure is one.
    if (!(error instanceof Unresumable)) throw error instanceof TypeError ? new Error(describe(error)) : error;
  }
  return attempt(url, job, patience);
}
