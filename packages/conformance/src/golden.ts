/** Reads a folder of recorded vectors. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Recorded, TensorSpec, Value } from "./records.ts";

const suffix = ".jsonl.gz";

export interface FileRecord extends Recorded {
  /** Where the file lies. */
  readonly path: string;
  /** What loading gives; missing where loading must fail. */
  readonly value?: Value;
  /** Why a loader must reject it. */
  readonly mustFail?: string;
}

interface Manifest {
  readonly files: Readonly<Record<string, { readonly value: Value; readonly tensors: readonly TensorSpec[] }>>;
  readonly must_fail: Readonly<Record<string, string>>;
}

/** The families that a folder holds, in the order of its index. @throws when it is no such folder */
export function familiesIn(folder: string): string[] {
  const index = join(folder, "index.json");
  if (!existsSync(index)) {
    throw new Error(`conformance: ${folder} has no index.json. Give a folder of recorded vectors with --golden DIR`);
  }
  const known = Object.keys((JSON.parse(readFileSync(index, "utf8")) as { families?: object }).families ?? {});
  const there = readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => basename(name, suffix));
  const rank = (name: string): number => (known.includes(name) ? known.indexOf(name) : known.length);
  there.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return existsSync(manifestOf(folder)) ? [...there, "files"] : there;
}

export function readRecords(folder: string, family: string): Recorded[] {
  if (family === "files") return readFiles(folder);
  const text = gunzipSync(readFileSync(join(folder, family + suffix))).toString("utf8");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => withTensors(JSON.parse(line) as Recorded));
}

/** Records without tensors may leave the table out. */
function withTensors(record: Recorded): Recorded {
  return record.tensors ? record : { ...record, tensors: [] };
}

function manifestOf(folder: string): string {
  return join(folder, "files", "manifest.json");
}

function readFiles(folder: string): FileRecord[] {
  const manifest = JSON.parse(readFileSync(manifestOf(folder), "utf8")) as Manifest;
  const path = (name: string): string => join(folder, "files", name);
  const good = Object.entries(manifest.files).map(([name, { value, tensors }]) => ({
    id: `files/${name}`,
    path: path(name),
    value,
    tensors,
  }));
  const bad = Object.entries(manifest.must_fail).map(([name, mustFail]) => ({
    id: `files/${name}`,
    path: path(name),
    mustFail,
    tensors: [],
  }));
  return [...good, ...bad];
}
