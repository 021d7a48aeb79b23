/** One call of one function: result, arguments it changes, gradients, gradients of gradients. */
import { Tensor } from "@dl/tensor";
import { type Arguments, decodeCall, invoke } from "../call.ts";
import { compareTensor, compareValue, type Rule, ruleFor } from "../compare.ts";
import { makeTensor, Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { checkGradients } from "../gradients.ts";
import { camel } from "../names.ts";
import { mismatch } from "../outcome.ts";
import type { Grad2Spec, GradSpec, Kwargs, Recorded, TensorRef, TensorSpec, Value } from "../records.ts";
import { resolve, type Target } from "../resolve.ts";

export interface CallRecord extends Recorded {
  readonly call: string;
  readonly args: readonly Value[];
  readonly kwargs: Kwargs;
}

export interface OpRecord extends CallRecord {
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
    const signs = record.check === "gauge" ? gauge(out, record.out, table) : undefined;
    checkGradients(record, out, table, new Map(), (cotangents) =>
      signs ? cotangents.map((c, j) => c && c.mul(signs[j]!)) : cotangents,
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
  const single = typeof record.out === "object" && record.out !== null && "$t" in record.out;
  if (record.check !== "ties") compareValue("out", out, record.out, table, rule);
  else if (single && !record.call.includes(".arg")) compareValue("out", out, record.out, table, rule);
  else compareTies(record, out, call, target, table, rule);
}

/** Where equal elements compete, any of their positions will do: what counts is what lies there. */
function compareTies(record: OpRecord, out: unknown, call: Arguments, target: Target, table: Table, rule: Rule): void {
  const parts = Array.isArray(out) ? out : [out];
  const expected =
    typeof record.out === "object" && record.out !== null && "tuple" in record.out ? record.out.tuple : [record.out];
  const [input] = call.args as [Tensor];
  const dim = argument(call, target, "dim");
  expected.forEach((value, i) => {
    const name = record.out_names?.[i] ?? (record.call.includes(".arg") ? "indices" : "values");
    const spec = table.spec(value as TensorRef);
    if (name !== "indices") return compareTensor(`out[${i}]`, parts[i], spec, rule);
    compareTensor(`out[${i}]`, parts[i], spec, { ...rule, shapeOnly: true });
    const there = (index: Tensor): Tensor => elementsAt(input, dim, index);
    const wanted = there(makeTensor(spec, table.device));
    const found = there(parts[i] as Tensor);
    if (!found.eq(wanted).logicalOr(found.isnan().logicalAnd(wanted.isnan())).all().item()) {
      mismatch(`out[${i}]`, "points at other elements");
    }
  });
}

function argument(call: Arguments, { names }: Target, name: string): number | undefined {
  return (call.options[name] ?? (names ? call.args[names.indexOf(name)] : call.args[1])) as number | undefined;
}

function elementsAt(input: Tensor, dim: number | undefined, index: Tensor): Tensor {
  if (input.ndim === 0) return input;
  if (index.ndim === 0 || (dim === undefined && index.ndim < input.ndim)) return input.flatten().gather(0, index);
  return index.ndim < input.ndim
    ? input.gather(dim!, index.unsqueeze(dim!)).squeeze(dim!)
    : input.gather(dim ?? -1, index);
}

/** The signs between ours and PyTorch's choice: the loss is the same when cotangents carry them. */
function gauge(out: unknown, expected: Value, table: Table): Tensor[] {
  const refs = (expected as { readonly tuple: readonly TensorRef[] }).tuple;
  return refs.map((ref, i) => {
    const spec: TensorSpec = { ...table.spec(ref), requires_grad: false };
    const theirs = makeTensor(spec, table.device);
    return (out as Tensor[])[i]!.detach().mul(theirs).sign();
  });
}
