/** Gradients by recorded cotangents, and gradients of those. */
import * as autograd from "@dl/autograd";
import { type Tensor, zerosLike } from "@dl/tensor";
import { tensorsIn } from "./call.ts";
import { compareTensor, type Rule, ruleFor } from "./compare.ts";
import type { Table } from "./decode.ts";
import { mismatch, unsupported } from "./outcome.ts";
import type { Grad2Spec, GradSpec, Recorded, TensorRef } from "./records.ts";

type Grad = (
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: { gradOutputs: readonly Tensor[]; createGraph: boolean; allowUnused: boolean },
) => readonly (Tensor | null)[];

/** ∂(Σⱼ sum(oⱼ · cⱼ)) for each of `wrt`; outputs without a cotangent or a history do not count. */
export function differentiate(
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  wrt: readonly Tensor[],
  createGraph = false,
): readonly (Tensor | null)[] {
  const grad = (autograd as unknown as { grad?: Grad }).grad ?? unsupported("autograd.grad");
  if (cotangents.length !== outputs.length) {
    mismatch("grad", `${outputs.length} output tensors, expected ${cotangents.length}`);
  }
  const live = outputs.flatMap((output, j) => (cotangents[j] && output.requiresGrad ? [j] : []));
  if (live.length === 0) return wrt.map(() => null);
  const gradOutputs = live.map((j) => cotangents[j]!);
  return grad(
    live.map((j) => outputs[j]!),
    wrt,
    { gradOutputs, createGraph, allowUnused: true },
  );
}

interface Differentiated extends Recorded {
  readonly grad?: GradSpec;
  readonly grad2?: Grad2Spec;
}

/** Checks the record's `grad` and `grad2`, for its inputs and for the named parameters of a module. */
export function checkGradients(
  record: Differentiated,
  out: unknown,
  table: Table,
  parameters: ReadonlyMap<string, Tensor> = new Map(),
  adjust: (cotangents: (Tensor | null)[]) => (Tensor | null)[] = (cotangents) => cotangents,
): void {
  const { grad, grad2 } = record;
  if (!grad) return;
  const read = (refs: readonly (TensorRef | null)[]): (Tensor | null)[] => refs.map((ref) => ref && table.tensor(ref));
  const params = grad.params ?? [];
  const inputs = grad.wrt.map((index) => table.tensor(index));
  const leaves = params.map(([name]) => parameters.get(name) ?? mismatch("grad", `no parameter ${name}`));
  const got = differentiate(tensorsIn(out), adjust(read(grad.cotangents)), [...inputs, ...leaves], grad2 !== undefined);
  const rule = ruleFor(record, "grad", table.device);
  compareGradients("grad", got, [...grad.grads, ...params.map(([, ref]) => ref)], [...inputs, ...leaves], table, rule);
  if (!grad2) return;
  const firsts = got.map((tensor, i) => tensor ?? zerosLike([...inputs, ...leaves][i]!));
  const second = differentiate(firsts.slice(0, inputs.length), read(grad2.cotangents), inputs);
  compareGradients("grad2", second, grad2.grads, inputs, table, ruleFor(record, "grad2", table.device));
}

/** A gradient that is missing and one that is zero say the same of a value. */
function compareGradients(
  part: string,
  got: readonly (Tensor | null)[],
  expected: readonly (TensorRef | null)[],
  wrt: readonly Tensor[],
  table: Table,
  rule: Rule,
): void {
  expected.forEach((ref, i) => {
    const where = `${part}[${i}]`;
    const gradient = got[i] ?? zerosLike(wrt[i]!);
    if (ref) compareTensor(where, gradient, table.spec(ref), rule);
    else if (got[i] && gradient.ne(0).any().item()) mismatch(where, "is not zero, expected none");
  });
}
