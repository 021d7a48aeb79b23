/** Short programs: what they give, or that they throw. Those that nobody has ported are unsupported. */
import { compareValue, ruleFor } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { unsupported } from "../outcome.ts";
import { programs as ports } from "../programs/index.ts";
import type { Recorded, Value } from "../records.ts";
import { mustThrow } from "./errors.ts";

interface ProgramRecord extends Recorded {
  readonly name: string;
  readonly result?: Value;
  readonly error?: object;
}

export const programs: Family<ProgramRecord> = {
  check(record, { device }) {
    const program = ports[record.id] ?? unsupported(`the program "${record.name}"`);
    if (record.error) return mustThrow(program);
    const result = program();
    compareValue(
      "result",
      result,
      record.result ?? null,
      new Table(record.tensors, device),
      ruleFor(record, "out", device),
    );
  },
};
