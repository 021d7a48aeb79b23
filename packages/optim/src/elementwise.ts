/** What optimizers share whose step is one formula for each element. */
import { type Tensor, type UpdateCall, type UpdateRule, updateParameters, zerosLike } from "@dl/tensor";
import { Optimizer, type ParamGroup, type ParamState, withGradients } from "./optimizer.ts";

export type Numbers = UpdateCall["attrs"];

/**
 * Optimizers that treat every element by one rule and remember tensors of the parameter's shape. Where the device has a
 * kernel for the rule it steps a whole group, or nothing of it; elsewhere `update` steps one parameter, op by op.
 */
export abstract class ElementwiseOptimizer extends Optimizer {
  protected abstract readonly rule: UpdateRule;

  /** The names of the tensors that are remembered, in the rule's order. */
  protected abstract slotsOf(group: ParamGroup): readonly string[];

  /** What the rule takes, beside weight decay and `maximize`, for the next step of a parameter with this state. */
  protected abstract numbersOf(group: ParamGroup, state: ParamState): Numbers;

  /** What a tensor that is remembered begins with. */
  protected fresh(param: Tensor, _group: ParamGroup, _slot: string): Tensor {
    return zerosLike(param);
  }

  /** The numbers that are remembered after that step. */
  protected countersOf(_group: ParamGroup, state: ParamState): Readonly<Record<string, number>> {
    return { step: nextStep(state) };
  }

  protected override updateGroup(group: ParamGroup): void {
    const slots = this.slotsOf(group);
    const updates = this.#hasOwnUpdate();
    for (const params of this.#alike(group, slots)) {
      const states = params.map((param) => this.stateOf(param));
      const grads = params.map(({ grad }) => grad!);
      const maximize = Boolean(group["maximize"]);
      const weightDecay = group["weightDecay"] as number;
      const numbers = { ...this.numbersOf(group, states[0]!), weightDecay, maximize };
      const counters = this.countersOf(group, states[0]!);
      const targets = [params, ...slots.map((name) => states.map((state) => state[name] as Tensor))];
      const done = !updates && updateParameters(this.rule, targets, grads, numbers);
      for (const [i, param] of params.entries()) {
        if (!done) this.update(param, maximize ? grads[i]!.neg() : grads[i]!, states[i]!, group);
        Object.assign(states[i]!, counters);
      }
    }
  }

  /** Whether a subclass overrides `update` alone, which the kernel would pass over. */
  #hasOwnUpdate(): boolean {
    let prototype: object = Object.getPrototypeOf(this);
    while (!Object.hasOwn(prototype, "update")) prototype = Object.getPrototypeOf(prototype);
    return !Object.hasOwn(prototype, "numbersOf");
  }

  /** The parameters with gradients, together those whose steps take the same numbers. */
  #alike(group: ParamGroup, slots: readonly string[]): Iterable<Tensor[]> {
    const found = new Map<string, Tensor[]>();
    for (const param of withGradients(group).params) {
      const state = this.stateOf(param);
      state["step"] ??= 0;
      for (const name of slots) state[name] ??= this.fresh(param, group, name);
      const key = Object.values(state)
        .filter((value) => typeof value === "number")
        .join();
      const others = found.get(key);
      if (others) others.push(param);
      else found.set(key, [param]);
    }
    return found.values();
  }
}

/** The number of the step to come, from 1. */
export function nextStep(state: ParamState): number {
  return (state["step"] as number) + 1;
}

export function decayed(param: Tensor, grad: Tensor, { weightDecay }: ParamGroup): Tensor {
  return weightDecay === 0 ? grad : grad.add(param, { alpha: weightDecay as number });
}

/** A running mean: mean ← decay · mean + (1 − decay) · value. */
export function running(mean: Tensor, value: Tensor, decay: number): Tensor {
  return mean.mul_(decay).add_(value, { alpha: 1 - decay });
}
