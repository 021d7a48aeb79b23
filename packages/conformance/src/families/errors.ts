/** Calls that must be refused, by an error of the library's own. */
import { TensorError } from "@dl/tensor";
import { decodeCall, invoke } from "../call.ts";
import { show } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { mismatch } from "../outcome.ts";
import { resolve } from "../resolve.ts";
import type { CallRecord } from "./ops.ts";

export const errors: Family<CallRecord> = {
  check(record, { device }) {
    const target = resolve(record.call);
    const table = new Table(record.tensors, device);
    const call = decodeCall(target, record.args, record.kwargs, table);
    mustThrow(() => invoke(target, call));
  },
};

/** Only errors that say what was wrong count: a TypeError from within is an accident. */
export function mustThrow(body: () => unknown): void {
  let result: unknown;
  try {
    result = body();
  } catch (error) {
    if (error instanceof TensorError) return;
    throw error;
  }
  mismatch("error", `nothing was thrown, it gave ${show(result)}`);
}
