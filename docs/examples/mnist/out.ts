import { open, rm, stat } from "node:fs/promises";

/** Finds out before the training what would otherwise fail after it: whether a file can be written at `path`. */
export async function checkOut(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found && !found.isFile()) return refuse(path, found.isDirectory() ? "it is a folder" : "it is no ordinary file");
  const trial = `${path}.${process.pid}.trial`;
  try {
    await (await open(trial, "wx")).close();
    await rm(trial);
  } catch (error) {
    refuse(path, (error as Error).message.split(",")[0]!);
  }
}

function refuse(path: string, reason: string): never {
  throw new Error(`--out ${path}: cannot be written (${reason}). Name a file in a folder that you can write to`);
}
