/** One call of one function: result, arguments it changes, gradients, gradients of gradients. */
import { Tensor } from "@dl/tensor";
import { compareTies, signsBetween } from "../ambiguous.ts";
import { type Arguments, decodeCall, invoke } from "../call.ts";
import { compareTensor, compareValue, type Rule, ruleFor } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { checkGradients } from "../gradients.ts";
import { camel } from "../names.ts";
import { mismatch } from "../outcome.ts";
import type { Grad2Spec, GradSpec, Kwargs, Recorded, TensorRef, Value } from "../records.ts";
import { resolve, type Target } from "../resolve.ts";

export interface CallRecord extends Recorded {
  readonly call: string;
  readonly args: readonly Value[];
  readonly kwargs: Kwargs;
}

interface OpRecord extends CallRecord {
  readonly out: Value;
  readonly out_names?: readonly string[];
  readonly check?: "ties" | "shape_dtype" | "gauge";
  readonly mutates?: readonly { readonly input: TensorRef; readonly after: TensorRef }[];
  readonly grad?: GradSpec;
  readonly grad2?: Grad2Spec;
}

export const ops: Family<OpRecord> = {
  check(record, { device }) {
    const target = resolve(record.call);
    const table = new Table(record.tensors, device);
    const call = decodeCall(target, record.args, record.kwargs, table, record.out);
    const out = invoke(target, inPlaceSafe(record, call));
    compareOut(record, out, call, target, table);
    const rule = ruleFor(record, "out", device);
    for (const { input, after } of record.mutates ?? []) {
      compareTensor(`argument ${input.$t} afterwards`, table.tensor(input), table.spec(after), rule);
    }
    const signs = record.check === "gauge" ? signsBetween(out, record.out, table) : [];
    checkGradients(record, out, table, new Map(), (cotangents) =>
      cotangents.map((c, j) => (c && signs[j] ? c.mul(signs[j]) : c)),
    );
  },
};

/** In-place methods are not for leaves: they get an equal tensor with a history. */
function inPlaceSafe(record: OpRecord, call: Arguments): Arguments {
  const [self, ...rest] = call.args;
  if (!record.call.endsWith("_") || !(self instanceof Tensor) || !self.requiresGrad) return call;
  return { ...call, args: [self.mul(1), ...rest] };
}

function compareOut(record: OpRecord, out: unknown, call: Arguments, target: Target, table: Table): void {
  const plain = ruleFor(record, "out", table.device);
  const rule: Rule =
    record.check === "shape_dtype" ? { ...plain, shapeOnly: true } : { ...plain, signless: record.check === "gauge" };
  record.out_names?.forEach((name, i) => {
    const named = (out as Record<string, unknown>)[camel(name)];
    if (named === undefined || named !== (out as unknown[])[i]) mismatch("out", `has no ${camel(name)} at ${i}`);
  });
  if (record.check === "ties") compareTies(record, out, call, target, table, rule);
  else compareValue("out", out, record.out, table, rule);
}
