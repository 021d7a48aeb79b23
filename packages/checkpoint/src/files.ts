/** Checkpoints in files, where the host has any. */
import { isTensor, type Tensor } from "@dl/tensor";
import { CheckpointError } from "./errors.ts";
import { pack, unpack } from "./packing.ts";
import { fromPyTorch, isPyTorch } from "./pytorch.ts";
import { fromBytes, type Metadata, readMetadata, type TensorRecord, toBytes } from "./safetensors.ts";

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
    ERR_FS_FILE_TOO_LARGE: "the host cannot read so large a file at once. Save it in parts",
  };
  throw new CheckpointError(`${op}: ${path}: ${reasons[code ?? ""] ?? message}`, { cause: error });
}

/** Saves under way, so that two of one path do not share a draft. */
let drafts = 0;

/**
 * Writes tensors by name, such as a `stateDict()`, as safetensors. The file appears complete or not at all.
 * @param metadata text to keep beside the tensors
 * @throws CheckpointError when the path cannot be written; what was there stays
 * @see https://pytorch.org/docs/stable/generated/torch.save.html
 * @example await save(model.stateDict(), "model.safetensors");
 */
export async function save(tensors: TensorRecord, path: string, metadata: Metadata = {}): Promise<void> {
  const fs = files("save");
  const bytes = await toBytes(tensors, metadata);
  const draft = `${path}.${(globalThis as unknown as Host).process!.pid}-${drafts++}.tmp`;
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
 * Reads tensors by name, on the CPU: a safetensors file, or a state dict that PyTorch saved (`.pt`, `.pth`).
 * @throws CheckpointError when it cannot be read, is not intact, or holds something else than tensors by name
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 * @example model.loadStateDict(await load("model.safetensors"));
 */
export async function load(path: string): Promise<Record<string, Tensor>> {
  const bytes = await read("load", path);
  return isPyTorch(bytes) ? byName(fromPyTorch(bytes, path), path) : fromBytes(bytes, path);
}

function byName(value: unknown, path: string): Record<string, Tensor> {
  const isPlain = !isTensor(value) && typeof value === "object" && value !== null;
  if (isPlain && Object.values(value).every(isTensor)) return value as Record<string, Tensor>;
  throw new CheckpointError(`load: ${path} holds more than tensors by name. Use loadCheckpoint`);
}

/**
 * Writes plain data with tensors in it, such as all that a training needs to go on, into one safetensors file.
 * @throws CheckpointError for what is neither plain data nor a tensor, naming the place; when the path cannot be written
 * @see https://pytorch.org/tutorials/beginner/saving_loading_models.html
 * @example
 * const state = { model: model.stateDict(), optimizer: optimizer.stateDict(), epoch: 3 };
 * await saveCheckpoint(state, "training.safetensors");
 */
export async function saveCheckpoint(state: object, path: string): Promise<void> {
  const { tensors, metadata } = pack(state);
  await save(tensors, path, metadata);
}

/**
 * Reads what {@link saveCheckpoint} or `torch.save` wrote (see {@link fromPyTorch}); the tensors are on the CPU. The type is
 * the caller's word for it.
 * @throws CheckpointError when the file cannot be read, is not intact, or is safetensors of another program
 * @example
 * const { model: weights, epoch } = await loadCheckpoint<{ model: StateDict; epoch: number }>("training.safetensors");
 */
export async function loadCheckpoint<T = Record<string, unknown>>(path: string): Promise<T> {
  const bytes = await read("loadCheckpoint", path);
  if (isPyTorch(bytes)) return fromPyTorch(bytes, path) as T;
  return unpack<T>({ tensors: fromBytes(bytes, path), metadata: readMetadata(bytes, path) }, path);
}

async function read(op: string, path: string): Promise<Uint8Array> {
  return await files(op)
    .readFile(path)
    .catch((error: unknown) => explain(op, path, error));
}
