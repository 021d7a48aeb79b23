/** Results with more than one right answer: positions among equal elements, and factors that are unique up to sign. */
import type { Tensor } from "@dl/tensor";
import type { Arguments } from "./call.ts";
import { compareTensor, type Rule } from "./compare.ts";
import { makeTensor, type Table } from "./decode.ts";
import { mismatch } from "./outcome.ts";
import type { TensorRef, Value } from "./records.ts";
import type { Target } from "./resolve.ts";

interface Ambiguous {
  readonly call: string;
  readonly out: Value;
  readonly out_names?: readonly string[];
}

function partsOf(out: Value): readonly TensorRef[] {
  const tuple = typeof out === "object" && out !== null && "tuple" in out;
  return (tuple ? out.tuple : [out]) as readonly TensorRef[];
}

/** Values must agree; a position may be any at which the same element lies. */
export function compareTies(
  record: Ambiguous,
  out: unknown,
  call: Arguments,
  target: Target,
  table: Table,
  rule: Rule,
): void {
  const isArg = record.call.includes(".arg");
  const got = (Array.isArray(out) ? out : [out]) as readonly Tensor[];
  const [input] = call.args as [Tensor];
  const dim = dimension(call, target) ?? (isArg ? null : -1);
  for (const [i, ref] of partsOf(record.out).entries()) {
    const positions = record.out_names ? record.out_names[i] === "indices" : isArg;
    const spec = table.spec(ref);
    compareTensor(`out[${i}]`, got[i], spec, { ...rule, shapeOnly: positions || (rule.shapeOnly ?? false) });
    if (!positions) continue;
    const found = elementsAt(input, dim, got[i]!);
    const wanted = elementsAt(input, dim, makeTensor(spec, table.device));
    const same = found.eq(wanted).logicalOr(found.isnan().logicalAnd(wanted.isnan()));
    if (!same.all().item()) mismatch(`out[${i}]`, "points at other elements");
  }
}

function dimension(call: Arguments, { names }: Target): number | undefined {
  return (call.options["dim"] ?? (names ? call.args[names.indexOf("dim")] : call.args[1])) as number | undefined;
}

/** `dim` is null for positions in the flattened tensor. */
function elementsAt(input: Tensor, dim: number | null, index: Tensor): Tensor {
  if (input.ndim === 0) return input;
  if (dim === null) return input.flatten().gather(0, index.flatten());
  return index.ndim < input.ndim ? input.gather(dim, index.unsqueeze(dim)).squeeze(dim) : input.gather(dim, index);
}

/** The signs between our factors and PyTorch's: the loss is the same when the cotangents carry them. */
export function signsBetween(out: unknown, expected: Value, table: Table): Tensor[] {
  return partsOf(expected).map((ref, i) => {
    const theirs = makeTensor({ ...table.spec(ref), requires_grad: false }, table.device);
    return (out as readonly Tensor[])[i]!.detach().mul(theirs).sign();
  });
}
