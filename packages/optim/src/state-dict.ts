/** Optimizers' state in PyTorch's structure: parameters are numbered, names are in snake_case. */
import { fail, isTensor, noGrad, type Tensor } from "@dl/tensor";
import type { ParamGroup, ParamState } from "./optimizer.ts";

/** What `stateDict()` gives, under PyTorch's names: plain data with tensors. */
export interface OptimizerState {
  readonly state: Readonly<Record<string, Readonly<ParamState>>>;
  readonly param_groups: readonly (Readonly<Record<string, unknown>> & { readonly params: readonly number[] })[];
}

/** `HDiag` is `H_diag`: a capital that begins a name stays. */
export const snake = (name: string): string => name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
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
