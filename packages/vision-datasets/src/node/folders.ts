/** Where data sets lie on disk: the user's folder, then the cache. */
import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import envPaths from "env-paths";
import { localNames, type RemoteFile, subfolders } from "../files.ts";

/** `$DL_HOME/datasets`, or the same in the operating system's folder for caches. It is laid out as a root is. */
export function cacheRoot(): string {
  const home = process.env["DL_HOME"];
  return join(home ? resolve(home) : envPaths("dl", { suffix: "" }).cache, "datasets");
}

/** `DL_OFFLINE=1` forbids downloads. */
export function isOffline(): boolean {
  return !["", "0", "false"].includes(process.env["DL_OFFLINE"] ?? "");
}

/** `DL_MIRROR` is the address of a folder that is laid out as the cache is. */
export function ownMirror(dataset: string): string | undefined {
  const base = process.env["DL_MIRROR"];
  return base ? `${base.replace(/\/+$/, "")}/${dataset}/raw/` : undefined;
}

/** Where downloads go below a root. */
export function rawFolder(root: string, dataset: string): string {
  return join(root, dataset, "raw");
}

/** Every path at which `file` may lie below `root`, the likeliest first. */
export function candidates(root: string, dataset: string, file: RemoteFile): readonly string[] {
  return subfolders(dataset).flatMap((folder) => localNames(file).map((name) => join(root, folder, name)));
}

/** Also what is above it. Node's own recursive mkdir never returns where a folder that exists answers ENOENT, as /proc. */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path).catch(async (error: unknown) => {
    if (!(await isFolder(path))) throw error; // else another process was quicker
  });
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

export async function fileSize(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.size : undefined;
}

export async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await fileSize(path)) !== undefined) return path;
  return undefined;
}

/** Whether the file at `path` is there and has the checksum of `file`. */
export async function isGood(path: string, file: RemoteFile): Promise<boolean> {
  return (await fileSize(path)) === file.size && md5(await readFile(path)) === file.md5;
}

export function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
