/** Files of known content, and files that a loader must refuse. The name says the format. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { load, loadCheckpoint } from "@dl/checkpoint";
import { fromArray, TensorError } from "@dl/tensor";
import * as vision from "@dl/vision-datasets";
import { compareValue, type Rule, show } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import type { FileRecord } from "../golden.ts";
import { mismatch, unsupported } from "../outcome.ts";

export const files: Family<FileRecord> = {
  async: true,
  async check(record, { device }) {
    const load = loaderOf(record.path);
    if (record.mustFail) return mustFail(load(record.path), record.mustFail);
    const table = new Table(record.tensors, device);
    const exact: Rule = { tolerance: () => [0, 0] };
    compareValue("file", await load(record.path), record.value!, table, exact);
  },
};

type Load = (path: string) => Promise<unknown>;

const formats: readonly (readonly [RegExp, Load])[] = [
  [/\.safetensors$/, load],
  [/\.pt$/, loadCheckpoint],
  [/-ubyte(\.gz)?$/, readIdx],
];

function loaderOf(path: string): Load {
  return formats.find(([pattern]) => pattern.test(path))?.[1] ?? unsupported(`the format of ${basename(path)}`);
}

async function readIdx(path: string): Promise<unknown> {
  const { data, shape, dtype } = await vision.readIdx(readFileSync(path), basename(path));
  return fromArray(data, shape, { dtype });
}

async function mustFail(loading: Promise<unknown>, why: string): Promise<void> {
  let result: unknown;
  try {
    result = await loading;
  } catch (error) {
    if (error instanceof TensorError) return;
    throw error;
  }
  mismatch("file", `was loaded as ${show(result)}, but must be refused: ${why}`);
}
