/** The browser's way to the files of a data set: addresses below `root`, then the mirrors; bytes stay in memory. */
import type { AbortSignalLike } from "@dl/data";
import { md5 } from "@noble/hashes/legacy.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { DatasetError, describe } from "../errors.ts";
import type { DownloadReporter, FileRequest, NamedBytes, Obtained, Platform, RemoteFile } from "../files.ts";
import { localNames, subfolders } from "../files.ts";
import { guarded } from "../reporting.ts";

export const platform: Platform = {
  obtain,
  folder: (root) => (typeof root === "string" ? root : root.href),
  md5: (bytes) => bytesToHex(md5(bytes)),
  mirror: () => undefined,
};

async function obtain(request: FileRequest): Promise<Obtained> {
  const files: NamedBytes[] = [];
  for (const file of request.needed) {
    files.push((await fromRoot(file, request)) ?? (await fromMirrors(file, request)));
  }
  return { root: request.root ?? request.mirrors[0] ?? "", files };
}

async function fromRoot(file: RemoteFile, { root, dataset, signal }: FileRequest): Promise<NamedBytes | undefined> {
  if (root === undefined) return undefined;
  // On a server a packed file beside the page is the likeliest, and each miss costs a request.
  const names = [...localNames(file)].sort((a, b) => Number(b.endsWith(".gz")) - Number(a.endsWith(".gz")));
  for (const folder of [...subfolders(dataset)].reverse()) {
    for (const name of names) {
      const path = [root.replace(/\/+$/, ""), folder, name].filter((part) => part !== "").join("/");
      const response = await get(path, signal).catch(() => undefined);
      if (response) return { path, bytes: new Uint8Array(await response.arrayBuffer()) };
    }
  }
  return undefined;
}

async function fromMirrors(file: RemoteFile, request: FileRequest): Promise<NamedBytes> {
  const { dataset, root, mirrors, download, progress, signal } = request;
  const place = root === undefined ? "no root was given" : `it is not below ${root}`;
  if (!download) {
    const remedy = `Pass download: true, or serve the files of ${mirrors.join(" or ")} and pass their folder as root`;
    throw new DatasetError("not-found", `${dataset}: ${file.name} not found: ${place}. ${remedy}`);
  }
  const failures: string[] = [];
  const broken = new AbortController();
  const reporter = typeof progress === "object" ? guarded(progress, (error) => broken.abort(error)) : undefined;
  for (const mirror of mirrors) {
    const path = mirror + file.name;
    try {
      const bytes = await receive(path, file, reporter, signal);
      broken.signal.throwIfAborted();
      return { path, bytes };
    } catch (error) {
      broken.signal.throwIfAborted();
      signal?.throwIfAborted();
      failures.push(`\n  ${path}: ${describe(error)}`);
    }
  }
  const remedy =
    "Mirrors must allow requests from this page (CORS); else serve the files yourself and pass their folder as root";
  throw new DatasetError("download-failed", `${file.name}: no mirror gave a good copy${failures.join("")}\n${remedy}`);
}

async function receive(
  url: string,
  file: RemoteFile,
  reporter: DownloadReporter | undefined,
  signal: AbortSignalLike | undefined,
): Promise<Uint8Array> {
  reporter?.start({ url, total: file.size, received: 0 });
  try {
    const bytes = await collect(await get(url, signal), file.size, reporter);
    if (platform.md5(bytes) !== file.md5) throw new Error("wrong checksum");
    reporter?.stop();
    return bytes;
  } catch (error) {
    reporter?.stop({ url, reason: describe(error) });
    throw error;
  }
}

async function collect(response: Response, size: number, reporter: DownloadReporter | undefined): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let received = 0;
  const reader = response.body!.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    if (received + step.value.length > size) {
      await reader.cancel();
      throw new Error(`it sends more than the ${size} bytes that are needed`);
    }
    bytes.set(step.value, received);
    received += step.value.length;
    reporter?.advance(received);
  }
  if (received < size) throw new Error(`the connection ended after ${received} of ${size} bytes`);
  return bytes;
}

/** A file's response; servers of single-page applications answer unknown addresses with a page, which is none. */
async function get(url: string, signal: AbortSignalLike | undefined): Promise<Response> {
  const response = await fetch(url, signal ? { signal: signal as AbortSignal } : {});
  if (response.ok && !response.headers.get("content-type")?.includes("text/html")) return response;
  await response.body?.cancel();
  throw new Error(response.ok ? "it answered with a web page instead of the file" : `HTTP ${response.status}`);
}
