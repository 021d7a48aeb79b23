/** Checkpoints in files, where the host has any. */
import type { Tensor } from "@dl/tensor";
import { CheckpointError } from "./errors.ts";
import { fromBytes, type Metadata, type TensorRecord, toBytes } from "./safetensors.ts";

/** The part of Node's `fs/promises` that is needed. */
interface Files {
  readFile(path: string): Promise<Uint8Array>;
  open(
    path: string,
    flags: string,
  ): Promise<{ writeFile(data: Uint8Array): Promise<void>; sync(): Promise<void>; close(): Promise<void> }>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
}

interface Host {
  readonly process?: { readonly pid: number; getBuiltinModule?(name: string): unknown };
}

function files(op: string): Files {
  const found = (globalThis as unknown as Host).process?.getBuiltinModule?.("node:fs/promises");
  if (found) return found as Files;
  throw new CheckpointError(
    `${op}: this host has no files. Use ${op === "save" ? "toBytes" : "fromBytes"} and keep the bytes yourself`,
  );
}

function explain(op: string, path: string, error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: op === "save" ? "its folder does not exist. Create it first" : "there is no such file. Check the path",
    EACCES: "access is denied. Choose a path you may use",
    EROFS: "the file system is read-only. Choose another path",
    EISDIR: "it is a folder. Give a file name",
    ENOTDIR: "a part of the path is no folder. Check the path",
    ENOSPC: "the disk is full. Free some space",
  };
  throw new CheckpointError(`${op}: ${path}: ${reasons[code ?? ""] ?? message}`, { cause: error });
}

/**
 * Writes tensors by name, such as a `stateDict()`, as safetensors. The file appears complete or not at all.
 * @throws CheckpointError when the path cannot be written; what was there stays
 */
export async function save(tensors: TensorRecord, path: string, metadata: Metadata = {}): Promise<void> {
  const fs = files("save");
  const bytes = await toBytes(tensors, metadata);
  const draft = `${path}.${(globalThis as unknown as Host).process!.pid}.tmp`;
  try {
    const file = await fs.open(draft, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(draft, path);
  } catch (error) {
    await fs.rm(draft, { force: true }).catch(() => undefined);
    explain("save", path, error);
  }
}

/**
 * Reads a safetensors file: tensors by name, on the CPU.
 * @throws CheckpointError when it cannot be read, or is not intact
 */
export async function load(path: string): Promise<Record<string, Tensor>> {
  const bytes = await files("load")
    .readFile(path)
    .catch((error: unknown) => explain("load", path, error));
  return fromBytes(bytes, path);
}
