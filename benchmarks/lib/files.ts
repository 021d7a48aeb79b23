// The result file: checked before the long run, written whole or not at all.
import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { UsageError } from "./options.ts";
import type { Row } from "./rows.ts";

/** Throws at once where the file could not be written at the end. */
export function checkWritable(file: string): void {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK);
  } catch {
    throw new UsageError(
      `bench: --json got ${file}, but ${dirname(resolve(file))} is no folder to write to. Make it first`,
    );
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`bench: --json got ${file}, which is a folder. Name a file in it`);
  }
}

export const toJson = (rows: readonly Row[]): string =>
  `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`;

export function writeRows(file: string, rows: readonly Row[]): void {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, toJson(rows));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}
