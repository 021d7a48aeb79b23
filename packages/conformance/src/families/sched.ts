/** Learning rates (and momenta) of two groups, step by step. */
import * as optim from "@dl/optim";
import { zeros } from "@dl/tensor";
import { close } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { mismatch, unsupported } from "../outcome.ts";
import { evaluate } from "../python/interpreter.ts";
import type { Kwargs, Recorded, Value } from "../records.ts";
import { arrangeNew } from "../signature.ts";
import { type AnyOptimizer, makeOptimizer } from "./optim.ts";

interface SchedulerSpec {
  readonly scheduler: string;
  readonly kwargs: Kwargs & { readonly schedulers?: unknown };
}

interface SchedRecord extends Recorded, SchedulerSpec {
  readonly optimizer: string;
  readonly base_lrs: readonly number[];
  readonly steps: number;
  readonly lrs: readonly (readonly number[])[];
  readonly momentums?: readonly (readonly number[])[];
  readonly metrics?: readonly Value[];
  readonly last_lr?: readonly number[];
  readonly last_epoch?: number;
}

interface Scheduler {
  step(metric?: number): void;
  getLastLr(): readonly number[];
  readonly lastEpoch?: number;
}

type SchedulerClass = new (...args: readonly unknown[]) => Scheduler;

export const schedulers: Family<SchedRecord> = {
  check(record, { device }) {
    const table = new Table(record.tensors, device);
    const optimizer = start(record, device);
    const scheduler = build(record, optimizer, table);
    compareRates(record, optimizer, 0);
    for (let s = 1; s < record.lrs.length; s++) {
      optimizer.step();
      const metric = record.metrics?.[s - 1];
      scheduler.step(...(metric === undefined ? [] : [table.value(metric) as number]));
      compareRates(record, optimizer, s);
    }
    if (record.last_lr) compareList("getLastLr()", scheduler.getLastLr(), record.last_lr);
    if (record.last_epoch !== undefined && scheduler.lastEpoch !== record.last_epoch) {
      mismatch("lastEpoch", `is ${scheduler.lastEpoch}, expected ${record.last_epoch}`);
    }
  },
};

function start({ base_lrs, optimizer }: SchedRecord, device: string): AnyOptimizer {
  const groups = base_lrs.map((lr) => ({ params: [zeros(1, { device, requiresGrad: true })], lr }));
  return makeOptimizer(optimizer, groups, { lr: base_lrs[0], ...(optimizer === "SGD" && { momentum: 0.9 }) });
}

/** Combined schedules are given their parts; of those, the chained one alone takes no optimizer. */
function build({ scheduler, kwargs }: SchedulerSpec, optimizer: AnyOptimizer, table: Table): Scheduler {
  const space = (optim as unknown as { lrScheduler?: Readonly<Record<string, SchedulerClass>> }).lrScheduler ?? {};
  const Class = space[scheduler] ?? unsupported(`optim.lr_scheduler.${scheduler}`);
  const options = Object.entries(kwargs).map(([key, value]) => [key, argument(key, value as Value, optimizer, table)]);
  const alone = scheduler === "ChainedScheduler";
  return new Class(...arrangeNew(Class, alone ? [] : [optimizer], Object.fromEntries(options)));
}

function argument(key: string, value: Value, optimizer: AnyOptimizer, table: Table): unknown {
  if (key === "schedulers") return (value as unknown as SchedulerSpec[]).map((spec) => build(spec, optimizer, table));
  if (key !== "lr_lambda") return table.value(value);
  const formula = (text: string) => (e: number) => evaluate(text, { e }) as number;
  return Array.isArray(value) ? value.map((text) => formula(text as string)) : formula(value as string);
}

function compareRates(record: SchedRecord, optimizer: AnyOptimizer, s: number): void {
  const rates = optimizer.paramGroups.map(({ lr }) => lr);
  compareList(`rates after step ${s}`, rates, record.lrs[s]!);
  const momentums = record.momentums?.[s];
  if (!momentums) return;
  const got = optimizer.paramGroups.map((group) => (group["betas"] as number[] | undefined)?.[0] ?? group["momentum"]);
  compareList(`momenta after step ${s}`, got as number[], momentums);
}

function compareList(where: string, got: readonly number[], expected: readonly number[]): void {
  const same = got.length === expected.length && expected.every((value, i) => close(got[i]!, value, [1e-9, 1e-15]));
  if (!same) mismatch(where, `are ${got}, expected ${expected}`);
}
