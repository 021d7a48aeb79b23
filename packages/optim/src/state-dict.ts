/** The state of optimizers and schedules in PyTorch's structure: parameters are numbered, names are in snake_case. */
import { fail, isTensor, noGrad, type Tensor } from "@dl/tensor";
import type { ParamGroup, ParamState } from "./optimizer.ts";

/** What `stateDict()` gives, under PyTorch's names: plain data with tensors. */
export interface OptimizerState {
  readonly state: Readonly<Record<string, Readonly<ParamState>>>;
  readonly param_groups: readonly (Readonly<Record<string, unknown>> & { readonly params: readonly number[] })[];
}

/** `HDiag` is `H_diag`, `T0` is `T_0`: a capital that begins a name stays. */
export const snake = (name: string): string =>
  name.replace(/(?<=.)[A-Z]|(?<=[A-Z])\d/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function renamed<T>(record: Readonly<Record<string, T>>, rename: (name: string) => string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [rename(name), value]));
}

export function exportState(groups: readonly ParamGroup[], state: ReadonlyMap<Tensor, ParamState>): OptimizerState {
  const order = groups.flatMap(({ params }) => params);
  const number = new Map(order.map((param, i) => [param, i]));
  return {
    state: Object.fromEntries([...state].map(([param, values]) => [number.get(param)!, renamed(values, snake)])),
    param_groups: groups.map(({ params, ...options }) => ({
      ...renamed(options, snake),
      params: params.map((param) => number.get(param)!),
    })),
  };
}

export function importState(
  name: string,
  saved: OptimizerState,
  groups: ParamGroup[],
  state: Map<Tensor, ParamState>,
): void {
  const sizes = (list: readonly { readonly params: { readonly length: number } }[]): string =>
    `[${list.map(({ params }) => params.length).join(", ")}]`;
  if (sizes(saved.param_groups) !== sizes(groups)) {
    fail(name, `the state has groups of ${sizes(saved.param_groups)} parameters, the optimizer of ${sizes(groups)}`);
  }
  const order = groups.flatMap(({ params }) => params);
  const numbers = saved.param_groups.flatMap(({ params }) => params);
  groups.forEach((group, i) => {
    const { params: _, ...options } = saved.param_groups[i]!;
    Object.assign(group, renamed(options, camel));
  });
  state.clear();
  numbers.forEach((number, i) => {
    const values = saved.state[number];
    if (values) state.set(order[i]!, owned(renamed(values, camel), order[i]!));
  });
}

/** Copies, in the parameter's dtype and on its device. */
function owned(values: ParamState, { dtype, device }: Tensor): ParamState {
  const copy = (value: Tensor): Tensor => {
    const home = value.isFloatingPoint() ? { dtype, device } : { device };
    return noGrad(() => value.detach().clone().to(home)).keep();
  };
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      if (isTensor(value)) return [key, key === "step" ? value.item() : copy(value)];
      return [key, Array.isArray(value) ? value.map((one) => (isTensor(one) ? copy(one) : one)) : value];
    }),
  ) as ParamState;
}

/** What a schedule's `stateDict()` gives, under PyTorch's names. */
export type SchedulerState = Readonly<Record<string, unknown>>;

/** The names of a schedule's fields that are data. */
function dataOf(schedule: object): string[] {
  const data = Object.entries(schedule).filter(([key, value]) => key !== "optimizer" && typeof value !== "function");
  return data.map(([key]) => key);
}

export function exportFields(schedule: object): SchedulerState {
  return Object.fromEntries(dataOf(schedule).map((key) => [snake(key), schedule[key as never]]));
}

/** Takes the fields that the schedule has; PyTorch's states hold some more. */
export function importFields(schedule: object, state: SchedulerState): void {
  if (typeof state["last_epoch"] !== "number") {
    fail(`${schedule.constructor.name}.loadStateDict`, "the state has no last_epoch", "Give what stateDict() gave");
  }
  for (const key of dataOf(schedule)) {
    if (snake(key) in state) Object.assign(schedule, { [key]: state[snake(key)] });
  }
}
