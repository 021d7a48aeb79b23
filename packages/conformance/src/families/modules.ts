/** Layers and losses: construction by name, text, state, calls, gradients. */
import * as nn from "@dl/nn";
import { noGrad, type Tensor } from "@dl/tensor";
import { compareTensor, compareValue, ruleFor } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { checkGradients } from "../gradients.ts";
import { mismatch, unsupported } from "../outcome.ts";
import type { GradSpec, Kwargs, ModuleValue, Recorded, TensorRef, Value } from "../records.ts";
import { arrange, arrangeNew } from "../signature.ts";
import { sameText } from "./print.ts";

interface ModuleRecord extends Recorded, ModuleValue {
  readonly repr: string;
  readonly repr_only?: boolean;
  readonly training: boolean;
  readonly state_dict: readonly (readonly [string, TensorRef])[];
  readonly parameter_names: readonly string[];
  readonly inputs: readonly Value[];
  readonly input_kwargs: Kwargs;
  readonly forward_calls?: number;
  readonly out: Value;
  readonly state_dict_after?: readonly (readonly [string, TensorRef])[];
  readonly grad?: GradSpec;
}

type ModuleClass = new (...args: readonly unknown[]) => nn.Module;

export const modules: Family<ModuleRecord> = {
  check(record, { device }) {
    const table = new Table(record.tensors, device, buildModule);
    const module = buildModule(record, table).to(device);
    sameText("repr", String(module), record.repr);
    if (record.repr_only) return;
    loadState(module, record.state_dict, table);
    compareNames(module, record);
    module.train(record.training);
    const out = forward(module, record, table);
    compareValue("out", out, record.out, table, ruleFor(record, "out", device));
    compareState(module, record, table);
    checkGradients(record, out, table, new Map(module.namedParameters()));
  },
};

/** `torch.nn.Name(*args, **kwargs)`. */
function buildModule({ module, args, kwargs }: ModuleValue, table: Table): nn.Module {
  const Class = (nn as unknown as Readonly<Record<string, ModuleClass>>)[module] ?? unsupported(`nn.${module}`);
  const values = Object.entries(kwargs).map(([key, value]) => [key, table.value(value)] as const);
  const positional = args.map((value) => table.value(value));
  return new Class(...arrangeNew(Class, positional, Object.fromEntries(values)));
}

export function loadState(module: nn.Module, state: readonly (readonly [string, TensorRef])[], table: Table): void {
  const tensors = state.map(([name, ref]) => [name, table.tensor(ref).detach()] as const);
  const names = Object.keys(module.stateDict());
  const expected = tensors.map(([name]) => name);
  if (String(names) !== String(expected)) mismatch("state_dict", `has ${names}, expected ${expected}`);
  if (tensors.some(([, { dtype }]) => dtype === "float64")) module.double();
  module.loadStateDict(Object.fromEntries(tensors));
}

function compareNames(module: nn.Module, record: ModuleRecord): void {
  const names = module.namedParameters().map(([name]) => name);
  if (String(names) !== String(record.parameter_names)) {
    mismatch("parameters", `are ${names}, expected ${record.parameter_names}`);
  }
}

/** The calls before the last one only change the module's state. */
function forward(module: nn.Module, record: ModuleRecord, table: Table): unknown {
  const kwargs = Object.entries(record.input_kwargs).map(([key, value]) => [key, table.value(value)] as const);
  const inputs = record.inputs.map((value) => table.value(value));
  const call = (): unknown => module(...arrange(module.forward, inputs, Object.fromEntries(kwargs)));
  for (let i = 1; i < (record.forward_calls ?? 1); i++) noGrad(() => void call());
  return call();
}

function compareState(module: nn.Module, record: ModuleRecord, table: Table): void {
  const state: Readonly<Record<string, Tensor>> = module.stateDict();
  const rule = ruleFor(record, "out", table.device);
  for (const [name, ref] of record.state_dict_after ?? [])
    compareTensor(`${name} afterwards`, state[name], table.spec(ref), rule);
}
