/** Saves and loads checkpoints in files, on hosts that have a file system. */
import { isTensor, type Tensor } from "@dl/tensor";
import { CheckpointError } from "./errors.ts";
import { pack, unpack } from "./packing.ts";
import { fromPyTorch, isPyTorch } from "./pytorch.ts";
import { fromBytes, type Metadata, readMetadata, type TensorRecord, toBytes } from "./safetensors.ts";

/** A path, or the `URL` of a file. */
export type Path = string | { readonly href: string };

interface FileHandle {
  writeFile(data: Uint8Array): Promise<void>;
  chmod(mode: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

interface Stats {
  readonly mode: number;
  isFile(): boolean;
}

/** The functions of Node's `fs/promises` that are used. */
interface Files {
  readFile(path: string): Promise<Uint8Array>;
  open(path: string, flags: string): Promise<FileHandle>;
  realpath(path: string): Promise<string>;
  stat(path: string): Promise<Stats>;
  access(path: string, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
}

interface Host {
  readonly process?: { readonly pid: number; getBuiltinModule?(name: string): unknown };
}

function builtin<T>(name: string): T | undefined {
  return (globalThis as unknown as Host).process?.getBuiltinModule?.(name) as T | undefined;
}

/** What does the same with bytes, for hosts without files. */
const withBytes = {
  save: "toBytes(tensors)",
  load: "fromBytes(bytes), or fromPyTorch(bytes)",
  saveCheckpoint: "const { tensors, metadata } = pack(state), then toBytes(tensors, metadata)",
  loadCheckpoint: "unpack({ tensors: fromBytes(bytes), metadata: readMetadata(bytes) })",
};

function files(op: keyof typeof withBytes): Files {
  const found = builtin<Files>("node:fs/promises");
  if (found) return found;
  throw new CheckpointError(`${op}: this host has no files. Keep the bytes yourself: ${withBytes[op]}`);
}

function inFiles(path: Path): string {
  if (typeof path !== "object" || path === null) return path;
  return builtin<{ fileURLToPath(url: string): string }>("node:url")!.fileURLToPath(path.href);
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

/** Numbers the drafts, so that two saves to one path do not write to the same draft. */
let drafts = 0;

/** The mode of `access` that asks whether a file may be written. */
const WRITABLE = 2;

/** The file that a path leads to, through links, and its status if it exists. Rejects if it may not be written. */
async function targetOf(fs: Files, path: string): Promise<{ target: string; before?: Stats }> {
  const target = await fs.realpath(path).catch(() => undefined);
  if (target === undefined) return { target: path };
  await fs.access(target, WRITABLE);
  return { target, before: await fs.stat(target) };
}

/** Writes to something that is no ordinary file, such as a pipe, and so cannot be replaced. */
async function writeThrough(fs: Files, target: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.open(target, "w");
  try {
    await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}

/**
 * Writes a draft beside the file and renames it, so that the file is complete at any time. The name of the draft does
 * not contain that of the file, which may already be as long as names can be.
 */
async function replace(fs: Files, target: string, bytes: Uint8Array, before: Stats | undefined): Promise<void> {
  const { pid } = (globalThis as unknown as Host).process!;
  const draft = target.replace(/[^/\\]*$/, `.${pid}-${drafts++}.tmp`);
  try {
    const file = await fs.open(draft, "w");
    try {
      if (before) await file.chmod(before.mode & 0o7777);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(draft, target);
  } catch (error) {
    await fs.rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/**
 * Writes tensors by name, such as a module's `stateDict()`, into a safetensors file. Tensors may be on any device. The file
 * appears complete or not at all; one that was there is replaced, where a link leads, and keeps its mode. To stop training and
 * go on later, use {@link saveCheckpoint}; in browsers, `toBytes`.
 * @param tensors an object from names to tensors
 * @param path a path or a `file:` URL
 * @param metadata text to keep beside the tensors, for `readMetadata`
 * @throws CheckpointError when the path cannot be written; what was there stays
 * @see https://pytorch.org/docs/stable/generated/torch.save.html
 * @example await save(model.stateDict(), "model.safetensors");
 */
export async function save(tensors: TensorRecord, path: Path, metadata: Metadata = {}): Promise<void> {
  const fs = files("save");
  const bytes = await toBytes(tensors, metadata);
  const name = inFiles(path);
  try {
    const { target, before } = await targetOf(fs, name);
    if (before && !before.isFile()) await writeThrough(fs, target, bytes);
    else await replace(fs, target, bytes, before);
  } catch (error) {
    explain("save", name, error);
  }
}

/**
 * Reads tensors by name: those of a safetensors file, or of a state dict that PyTorch saved (`.pt`, `.pth`). They are on the CPU;
 * `loadStateDict` copies them to where the module is. In browsers, use `fromBytes` or {@link fromPyTorch}.
 * @param path a path or a `file:` URL
 * @returns an object from names to tensors
 * @throws CheckpointError when the file cannot be read, is not intact, or holds anything but tensors by name
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 * @example
 * model.loadStateDict(await load("model.safetensors"));
 * const { weight } = await load("model.safetensors"); // weight!.shape: [2, 4]
 */
export async function load(path: Path): Promise<Record<string, Tensor>> {
  const { bytes, name } = await read("load", path);
  return isPyTorch(bytes) ? byName(fromPyTorch(bytes, name), name) : fromBytes(bytes, name);
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
export async function saveCheckpoint(state: object, path: Path): Promise<void> {
  files("saveCheckpoint");
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
export async function loadCheckpoint<T = Record<string, unknown>>(path: Path): Promise<T> {
  const { bytes, name } = await read("loadCheckpoint", path);
  if (isPyTorch(bytes)) return fromPyTorch(bytes, name) as T;
  return unpack<T>({ tensors: fromBytes(bytes, name), metadata: readMetadata(bytes, name) }, name);
}

async function read(op: "load" | "loadCheckpoint", path: Path): Promise<{ bytes: Uint8Array; name: string }> {
  const [fs, name] = [files(op), inFiles(path)];
  return { bytes: await fs.readFile(name).catch((error: unknown) => explain(op, name, error)), name };
}
