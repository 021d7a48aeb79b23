/** Whole trainings from recorded weights: every loss, the first gradients, the last output. */
import * as nn from "@dl/nn";
import * as optim from "@dl/optim";
import { noGrad, scope, type Tensor } from "@dl/tensor";
import { camelOptions } from "../call.ts";
import { close, compareTensor, ruleFor } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { models } from "../models/index.ts";
import { mismatch, unsupported } from "../outcome.ts";
import type { Kwargs, Recorded, TensorRef } from "../records.ts";
import { loadState } from "./modules.ts";
import { type AnyOptimizer, makeOptimizer } from "./optim.ts";

interface E2ERecord extends Omit<Recorded, "tol"> {
  readonly model: string;
  readonly optimizer: {
    readonly name: string;
    readonly kwargs: Kwargs;
    readonly loss?: string;
    readonly clip_grad_norm?: number;
    readonly scheduler?: { readonly name: string; readonly T_max: number; readonly eta_min: number };
  };
  readonly initial_state_dict: readonly (readonly [string, TensorRef])[];
  readonly inputs: Readonly<Record<string, TensorRef>>;
  readonly losses: readonly number[];
  readonly first_step_grads?: readonly (readonly [string, TensorRef])[];
  readonly final_output: TensorRef;
  readonly final_param_norms: readonly (readonly [string, number])[];
  readonly tol: { readonly loss_abs: number; readonly final_output_abs: number };
}

/** What goes in, and what should come out. */
type Inputs = readonly [x: Tensor, y: Tensor];

export const e2e: Family<E2ERecord & Recorded> = {
  check(record, { device }) {
    const Model = models[record.model] ?? unsupported(`the model ${record.model}`);
    const table = new Table(record.tensors, device);
    const model = new Model().to(device);
    loadState(model, record.initial_state_dict, table);
    const inputs = Object.values(record.inputs).map((ref) => table.tensor(ref)) as unknown as Inputs;
    train(record, model, inputs, table);
    compareEnd(record, model, inputs, table);
  },
};

function train(record: E2ERecord, model: nn.Module, inputs: Inputs, table: Table): void {
  const { name, kwargs, clip_grad_norm: limit } = record.optimizer;
  const optimizer = makeOptimizer(name, model.parameters(), camelOptions(kwargs, table));
  const scheduler = schedule(record, optimizer);
  model.train();
  record.losses.forEach((expected, s) => {
    scope(() => {
      const loss = lossOf(record, model, inputs);
      const got = loss.item();
      if (!close(got, expected, [0, record.tol.loss_abs])) mismatch(`loss ${s}`, `is ${got}, expected ${expected}`);
      model.zeroGrad();
      loss.backward();
      if (s === 0) compareFirst(record, model, table);
      if (limit !== undefined) nn.utils.clipGradNorm_(model.parameters(), limit);
      optimizer.step();
      scheduler?.step();
    });
  });
}

function schedule({ optimizer: { scheduler } }: E2ERecord, optimizer: AnyOptimizer): { step(): void } | undefined {
  if (!scheduler) return undefined;
  if (scheduler.name !== "CosineAnnealingLR") unsupported(`the scheduler ${scheduler.name}`);
  return new optim.lrScheduler.CosineAnnealingLR(optimizer as optim.Optimizer, scheduler.T_max, {
    etaMin: scheduler.eta_min,
  });
}

type Loss = (output: Tensor, target: Tensor) => Tensor;

/** The named loss; language models' on flattened positions. */
function lossOf({ optimizer }: E2ERecord, model: nn.Module, [x, y]: Inputs): Tensor {
  const out = model(x) as Tensor;
  if (!optimizer.loss) return nn.functional.crossEntropy(out.view(-1, out.shape.at(-1)!), y.view(-1));
  const Criterion =
    (nn as unknown as Record<string, new () => Loss>)[optimizer.loss] ?? unsupported(`nn.${optimizer.loss}`);
  return new Criterion()(out, y);
}

function compareFirst(record: E2ERecord, model: nn.Module, table: Table): void {
  const parameters = new Map(model.namedParameters());
  const rule = ruleFor({}, "grad", table.device);
  for (const [name, ref] of record.first_step_grads ?? []) {
    compareTensor(`first gradient of ${name}`, parameters.get(name)?.grad, table.spec(ref), rule);
  }
}

function compareEnd(record: E2ERecord, model: nn.Module, [x]: Inputs, table: Table): void {
  const { final_output_abs: allowed } = record.tol;
  const out = noGrad(() => model.eval()(x) as Tensor);
  compareTensor("final output", out, table.spec(record.final_output), { tolerance: () => [0, allowed] });
  const parameters = new Map(model.namedParameters());
  for (const [name, expected] of record.final_param_norms) {
    const got = parameters.get(name)?.detach().norm().item() ?? Number.NaN;
    // Where a gradient is zero but for rounding (a bias before batch norm), RMSprop makes steps of the noise.
    if (!close(got, expected, [2e-2, 1e-3])) mismatch(`norm of ${name}`, `is ${got}, expected ${expected}`);
  }
}
