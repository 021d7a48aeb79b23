/** Node's way to the files of a data set: the user's folder, then the cache, then a download. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatasetError, describe } from "../errors.ts";
import type { FileRequest, NamedBytes, Obtained, Platform, RemoteFile } from "../files.ts";
import { cacheRoot, candidates, firstFile, isGood, isOffline, md5, ownMirror, rawFolder } from "./folders.ts";
import { folder } from "./root.ts";

export const platform: Platform = { obtain, folder, md5, mirror: ownMirror };

async function obtain(request: FileRequest): Promise<Obtained> {
  const { root = cacheRoot() } = request;
  let paths = await findAll(root, request);
  if (paths.includes(undefined)) {
    const missing = request.needed.filter((_, i) => paths[i] === undefined);
    await fetchAll(root, missing, request);
    paths = await findAll(root, request);
  }
  return { root, files: await Promise.all(paths.map((path) => load(path as string))) };
}

function findAll(root: string, { dataset, needed }: FileRequest): Promise<(string | undefined)[]> {
  return Promise.all(needed.map((file) => find(root, dataset, file)));
}

/** What lies in the user's folder is the user's word; in the cache a file must have the checksum it came with. */
async function find(root: string, dataset: string, file: RemoteFile): Promise<string | undefined> {
  const cache = cacheRoot();
  if (root !== cache) {
    const own = await firstFile(candidates(root, dataset, file));
    if (own !== undefined) return own;
  }
  const cached = join(rawFolder(cache, dataset), file.name);
  return (await isGood(cached, file)) ? cached : undefined;
}

async function fetchAll(root: string, missing: readonly RemoteFile[], request: FileRequest): Promise<void> {
  const { dataset, all, mirrors, progress, signal } = request;
  const target = rawFolder(root, dataset);
  const names = missing.map(({ name }) => name).join(", ");
  const places = [...new Set([root, cacheRoot()])].join(" and ");
  const problem = `${dataset}: ${names} not found in ${places}`;
  const byHand = `put the files into ${target} by hand (they are at ${mirrors.join(" and ")})`;
  if (!request.download) throw new DatasetError("not-found", `${problem}. Pass download: true, or ${byHand}`);
  if (isOffline()) {
    throw new DatasetError("offline", `${problem}, and DL_OFFLINE forbids downloads. Unset DL_OFFLINE, or ${byHand}`);
  }
  // Loaded only here: most runs find their files.
  const [{ download }, { TerminalReporter, silentReporter }] = await Promise.all([
    import("./download.ts"),
    import("./progress.ts"),
  ]);
  const reporter = progress === true ? new TerminalReporter() : progress === false ? silentReporter : progress;
  for (const file of all) {
    if ((await find(root, dataset, file)) !== undefined) continue;
    await download({
      file,
      destination: join(target, file.name),
      mirrors,
      reporter,
      signal: signal as AbortSignal | undefined,
    });
  }
}

async function load(path: string): Promise<NamedBytes> {
  try {
    return { path, bytes: await readFile(path) };
  } catch (error) {
    const remedy = "Check that the file can be read";
    throw new DatasetError("not-found", `${path}: ${describe(error)}. ${remedy}`, { cause: error });
  }
}
