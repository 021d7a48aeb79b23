import { fail } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { exportFields, importFields, type SchedulerState } from "../state-dict.ts";

/**
 * The base of schedulers: counts steps and writes each group's learning rate. Most compute it from the rate before
 * (`nextLr`), as PyTorch does, so that several can act on one optimizer.
 * @see https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  /** The rates that the schedule starts from, by group. */
  readonly baseLrs: number[];
  /** Steps taken; 0 after construction. */
  lastEpoch: number;
  #lastLrs: number[] = [];

  constructor(optimizer: Optimizer, lastEpoch: number = -1) {
    if (!optimizer?.paramGroups) fail(new.target.name, "the first argument is the optimizer", "Pass one");
    this.optimizer = optimizer;
    for (const group of optimizer.paramGroups) {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined)
        fail("LRScheduler", "resuming needs initialLr in every group", "Load the optimizer's state first");
    }
    this.baseLrs = optimizer.paramGroups.map(({ initialLr }) => initialLr!);
    this.lastEpoch = lastEpoch;
  }

  /** The rate that a group gets at {@link lastEpoch}. */
  protected abstract nextLr(group: ParamGroup, base: number, index: number): number;

  /** The same from the start of the schedule alone, where there is such a formula. */
  protected closedLr?(base: number, index: number): number;

  /**
   * One step further; to be called after `optimizer.step()`. `epoch`: jump there.
   * @throws TensorError where a rate would become NaN; none is changed then
   */
  step(epoch?: number): void {
    const before = this.lastEpoch;
    this.lastEpoch = epoch ?? before + 1;
    // Groups that were added since keep their rates.
    const groups = this.optimizer.paramGroups.slice(0, this.baseLrs.length);
    const closed = epoch !== undefined && this.closedLr !== undefined;
    const rates = groups.map((group, i) => {
      const base = this.baseLrs[i]!;
      return closed ? this.closedLr!(base, i) : this.nextLr(group, base, i);
    });
    if (rates.some(Number.isNaN)) {
      this.lastEpoch = before;
      fail(this.constructor.name, "the learning rate would become NaN", "Check the arguments of the schedule");
    }
    groups.forEach((group, i) => {
      group.lr = rates[i]!;
    });
    this.#lastLrs = rates;
  }

  /** The rates of the last step, by group. */
  getLastLr(): readonly number[] {
    return this.#lastLrs;
  }

  /** Plain data under PyTorch's names. Functions are not kept: the schedule that loads it has its own. */
  stateDict(): SchedulerState {
    return { ...exportFields(this), _last_lr: this.#lastLrs };
  }

  /** @throws TensorError when it is no state of a schedule */
  loadStateDict(state: SchedulerState): void {
    const { _last_lr: lastLrs = this.#lastLrs } = state as { readonly _last_lr?: readonly number[] };
    importFields(this, state);
    this.#lastLrs = [...lastLrs];
  }
}
