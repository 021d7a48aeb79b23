/** Twenty steps of an optimizer on one loss of two parameters, with recorded or computed gradients. */
import * as optim from "@dl/optim";
import type { Tensor } from "@dl/tensor";
import { close, compareTensor, type Rule } from "../compare.ts";
import { floatOf, Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { optionName } from "../names.ts";
import { mismatch, unsupported } from "../outcome.ts";
import type { FloatValue, Kwargs, Recorded, TensorRef, Tolerance, Value } from "../records.ts";
import { arrangeNew } from "../signature.ts";

interface Pair {
  readonly p: TensorRef;
  readonly q: TensorRef;
}

interface OptimRecord extends Recorded {
  readonly optimizer: string;
  readonly kwargs: Kwargs;
  readonly groups: 1 | 2;
  readonly group2?: { readonly dict: readonly (readonly [string, Value])[] };
  readonly constants: Readonly<Record<"p0" | "q0" | "C" | "T", TensorRef>>;
  readonly losses: readonly (FloatValue | number)[];
  readonly grads?: readonly Pair[];
  readonly params: readonly Pair[];
  readonly closure_calls?: readonly number[];
}

export interface AnyOptimizer extends Pick<optim.Optimizer, "step" | "paramGroups" | "stateDict"> {}
type OptimizerClass = new (...args: readonly unknown[]) => AnyOptimizer;

/** Where the optimization stands. */
interface Course {
  readonly p: Tensor;
  readonly q: Tensor;
  readonly optimizer: AnyOptimizer;
  readonly loss: () => Tensor;
}

export const optimizers: Family<OptimRecord> = {
  check(record, { device }) {
    const table = new Table(record.tensors, device);
    const course = start(record, table);
    let calls = 0;
    const closure = (): Tensor => {
      calls++;
      return backward(course);
    };
    record.losses.forEach((loss, s) => {
      compareLoss(course, loss, record, s);
      if (record.grads) inject(course, record.grads[s]!, table);
      course.optimizer.step(record.grads ? undefined : closure);
      const { p, q } = record.params[s]!;
      compareTensor(`p after step ${s}`, course.p.detach(), table.spec(p), ruleOf(record));
      compareTensor(`q after step ${s}`, course.q.detach(), table.spec(q), ruleOf(record));
      const wanted = record.closure_calls?.[s];
      if (wanted !== undefined && calls !== wanted) mismatch(`step ${s}`, `${calls} closure calls, expected ${wanted}`);
    });
  },
};

function ruleOf({ tol }: OptimRecord): Rule {
  const tolerance: Tolerance = tol?.["params"] ?? [1e-5, 1e-6];
  return { tolerance: () => tolerance };
}

/** PyTorch's optimizer by name; keywords by name. */
export function makeOptimizer(name: string, params: unknown, kwargs: Readonly<Record<string, unknown>>): AnyOptimizer {
  const Class = (optim as unknown as Readonly<Record<string, OptimizerClass>>)[name] ?? unsupported(`optim.${name}`);
  return new Class(...arrangeNew(Class, [params], kwargs));
}

function start(record: OptimRecord, table: Table): Course {
  const { p0, q0, C, T } = record.constants;
  const [p, q] = [p0, q0].map((ref) => table.tensor(ref).clone().requiresGrad_()) as [Tensor, Tensor];
  const kwargs = Object.fromEntries(Object.entries(record.kwargs).map(([key, value]) => [key, table.value(value)]));
  const second = Object.fromEntries(
    (record.group2?.dict ?? []).map(([key, value]) => [optionName(key, undefined), table.value(value)]),
  );
  const params = record.groups === 1 ? [p, q] : [{ params: [p] }, { params: [q], ...second }];
  const [c, t] = [table.tensor(C), table.tensor(T)];
  return { p, q, optimizer: makeOptimizer(record.optimizer, params, kwargs), loss: () => lossOf(p, q, c, t) };
}

/** 0.5·Σ C(p−T)² + 0.3·Σ tanh q + 0.25·Σ (q⁴−q²) + 0.1·Σp·Σq */
function lossOf(p: Tensor, q: Tensor, c: Tensor, t: Tensor): Tensor {
  const quadratic = c.mul(p.sub(t).square()).sum().mul(0.5);
  const quartic = q.pow(4).sub(q.square()).sum().mul(0.25);
  return quadratic.add(q.tanh().sum().mul(0.3)).add(quartic).add(p.sum().mul(q.sum()).mul(0.1));
}

function backward({ p, q, loss }: Course): Tensor {
  p.grad = null;
  q.grad = null;
  const value = loss();
  value.backward();
  return value;
}

function inject({ p, q }: Course, grads: Pair, table: Table): void {
  p.grad = table.tensor(grads.p).clone().keep();
  q.grad = table.tensor(grads.q).clone().keep();
}

function compareLoss({ loss }: Course, expected: FloatValue | number, record: OptimRecord, step: number): void {
  const wanted = typeof expected === "number" ? expected : floatOf(expected.float);
  const got = loss().item();
  const [rtol, atol] = record.tol?.["params"] ?? [1e-5, 1e-6];
  // Losses sum what parameters differ in.
  if (!close(got, wanted, [rtol * 10, atol * 100]))
    mismatch(`loss before step ${step}`, `is ${got}, expected ${wanted}`);
}
