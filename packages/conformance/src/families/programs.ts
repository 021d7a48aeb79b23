/** Short programs in Python: what they give, or that they raise. */
import { compareValue, ruleFor } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { runProgram } from "../python/interpreter.ts";
import type { Recorded, Value } from "../records.ts";
import { mustThrow } from "./errors.ts";

interface ProgramRecord extends Recorded {
  readonly name: string;
  readonly python: string;
  readonly result?: Value;
  readonly error?: object;
}

export const programs: Family<ProgramRecord> = {
  check(record, { device }) {
    const program = (): unknown => runProgram(record.python);
    if (record.error) return mustThrow(program);
    compareValue(
      "result",
      program(),
      record.result ?? null,
      new Table(record.tensors, device),
      ruleFor(record, "out", device),
    );
  },
};
