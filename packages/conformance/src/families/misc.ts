/** Clipping, gains, fans, vectors of parameters, moments of random numbers: one checker for each `what`. */
import * as nn from "@dl/nn";
import { rand, randint, randn, type Tensor, zeros } from "@dl/tensor";
import { close, compareTensor, compareValue, ruleFor } from "../compare.ts";
import { floatOf, Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { camel } from "../names.ts";
import { mismatch, unsupported } from "../outcome.ts";
import type { FloatValue, Recorded, TensorRef } from "../records.ts";

interface MiscRecord extends Recorded {
  readonly what: string;
  readonly [key: string]: unknown;
}

type Check = (record: MiscRecord, table: Table) => void;

export const misc: Family<MiscRecord> = {
  check(record, { device }) {
    const check = checks[record.what] ?? unsupported(`misc ${record.what}`);
    check(record, new Table(record.tensors, device));
  },
};

const checks: Readonly<Record<string, Check>> = {
  clip_grad_norm_: (record, table) => {
    const leaves = withGradients(record, table);
    const options = { normType: numberOf(record["norm_type"]) };
    const total = util("clip_grad_norm_")(leaves, numberOf(record["max_norm"]), options);
    compareValue("norm", total, record["total_norm"] as TensorRef, table, ruleFor(record, "out", table.device));
    compareGradients(record, leaves, table);
  },
  clip_grad_value_: (record, table) => {
    const leaves = withGradients(record, table);
    util("clip_grad_value_")(leaves, numberOf(record["clip_value"]));
    compareGradients(record, leaves, table);
  },
  parameters_to_vector: (record, table) => {
    const vector = util("parameters_to_vector")(tensors(record["params"], table));
    compareValue("vector", vector, record["vector"] as TensorRef, table, ruleFor(record, "out", table.device));
  },
  vector_to_parameters: (record, table) => {
    const params = tensors(record["params"], table).map((param) => zeros(param.shape, { dtype: param.dtype }));
    util("vector_to_parameters")(table.tensor(record["vector"] as TensorRef), params);
    const rule = ruleFor(record, "out", table.device);
    params.forEach((param, i) => {
      compareTensor(`parameter ${i}`, param, table.spec((record["params"] as TensorRef[])[i]!), rule);
    });
  },
  calculate_gain: (record) => {
    const gain = init("calculate_gain")(record["nonlinearity"], record["param"] ?? null);
    compareNumber("gain", gain, numberOf(record["gain"]));
  },
  fan_in_fan_out: checkFans,
  random_statistics: checkMoments,
};

type Fn = (...args: readonly unknown[]) => unknown;

/** A function of nn.utils, or of nn itself. */
function util(name: string): Fn {
  const spaces = nn as unknown as { utils?: Record<string, Fn> } & Record<string, Fn>;
  return spaces.utils?.[camel(name)] ?? spaces[camel(name)] ?? unsupported(`nn.utils.${name}`);
}

function init(name: string): Fn {
  const spaces = nn as unknown as { init?: Record<string, Fn> };
  return spaces.init?.[camel(name)] ?? unsupported(`nn.init.${name}`);
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : floatOf((value as FloatValue).float);
}

function tensors(refs: unknown, table: Table): Tensor[] {
  return (refs as readonly TensorRef[]).map((ref) => table.tensor(ref));
}

function withGradients(record: MiscRecord, table: Table): Tensor[] {
  return tensors(record["grads"], table).map((grad) => {
    const leaf = zeros(grad.shape, { dtype: grad.dtype, device: grad.device, requiresGrad: true });
    leaf.grad = grad.clone();
    return leaf;
  });
}

function compareGradients(record: MiscRecord, leaves: readonly Tensor[], table: Table): void {
  const rule = ruleFor(record, "grad", table.device);
  (record["clipped"] as readonly TensorRef[]).forEach((ref, i) => {
    compareTensor(`gradient ${i}`, leaves[i]!.grad, table.spec(ref), rule);
  });
}

function compareNumber(where: string, got: unknown, expected: number, rtol: number = 1e-6): void {
  if (typeof got !== "number" || !close(got, expected, [rtol, 1e-12]))
    mismatch(where, `is ${got}, expected ${expected}`);
}

/** Fans by the function, bounds and deviations by what many draws reach. */
function checkFans(record: MiscRecord): void {
  const shape = record["shape"] as number[];
  const expected = (name: string): number => numberOf(record[name]);
  const weight = (): Tensor => zeros(shape);
  const [fanIn, fanOut] = init("calculate_fan_in_and_fan_out")(weight()) as number[];
  compareNumber("fan_in", fanIn, expected("fan_in"));
  compareNumber("fan_out", fanOut, expected("fan_out"));
  const bounded = (name: string, x: unknown): void => compareBound(name, x as Tensor, expected(name));
  const deviating = (name: string, x: unknown): void => compareDeviation(name, x as Tensor, expected(name));
  bounded("xavier_uniform_bound", init("xavier_uniform_")(weight()));
  deviating("xavier_normal_std", init("xavier_normal_")(weight()));
  bounded("kaiming_uniform_bound_default", init("kaiming_uniform_")(weight()));
  deviating("kaiming_normal_std_fan_out_relu", init("kaiming_normal_")(weight(), 0, "fan_out", "relu"));
  const layer = defaultLayer(shape);
  bounded("layer_default_weight_bound", layer.weight);
  compareBound("layer_default_bias_bound", layer.bias, expected("layer_default_bias_bound"), false);
}

/** The layer whose weight has this shape. */
function defaultLayer(shape: readonly number[]): { weight: Tensor; bias: Tensor } {
  const [out, into, ...kernel] = shape as [number, number, ...number[]];
  const Layers = nn as unknown as Record<string, new (...args: readonly unknown[]) => { weight: Tensor; bias: Tensor }>;
  const name = kernel.length === 0 ? "Linear" : `Conv${kernel.length}d`;
  const Class = Layers[name] ?? unsupported(`nn.${name}`);
  return kernel.length === 0 ? new Class(into, out) : new Class(into, out, kernel);
}

/** No draw lies outside; with many draws, the largest comes near. */
function compareBound(where: string, x: Tensor, bound: number, near: boolean = true): void {
  const reach = x.detach().abs().amax().item();
  if (reach > bound * (1 + 1e-6) || (near && reach < bound * 0.9))
    mismatch(where, `draws reach ${reach}, expected ${bound}`);
}

function compareDeviation(where: string, x: Tensor, expected: number): void {
  const got = x.detach().std().item();
  // Four standard errors of a standard deviation.
  if (Math.abs(got - expected) > (4 * expected) / Math.sqrt(2 * x.numel()))
    mismatch(where, `is ${got}, expected ${expected}`);
}

const draws = 100_000;
const generators: Readonly<Record<string, (numbers: readonly number[]) => Tensor>> = {
  rand: () => rand(draws),
  randn: () => randn(draws),
  randint: ([low, high]) => randint(low!, high!, [draws]).to("float32"),
};

function checkMoments(record: MiscRecord): void {
  const [, name, text] = /^(\w+)(?:\((.*)\))?$/.exec(record["generator"] as string) ?? [];
  const make = generators[name ?? ""] ?? unsupported(`torch.${record["generator"]}`);
  const x = make((text ?? "").split(",").map(Number));
  const [mean, std] = [numberOf(record["mean"]), numberOf(record["std"])];
  const error = Math.abs(x.mean().item() - mean);
  if (error > (5 * std) / Math.sqrt(draws)) mismatch("mean", `is off by ${error}`);
  compareDeviation("std", x, std);
  const [min, max] = [record["min"] as number | null, record["max_exclusive_or_inclusive"] as number | null];
  if (min !== null && x.amin().item() < min) mismatch("min", `is ${x.amin().item()}, expected ${min}`);
  if (max !== null && x.amax().item() > max) mismatch("max", `is ${x.amax().item()}, expected ${max}`);
}
