/** Optimizers with step sizes or averages of their own: ASGD and Rprop. */
import { type Arguments, fullLike, readArguments, type Tensor, where, zerosLike } from "@dl/tensor";
import { decayed, ElementwiseOptimizer, type Numbers, nextStep } from "./elementwise.ts";
import type { ParamGroup, ParamState, Params } from "./optimizer.ts";
import { checkOptions, type Settings } from "./options.ts";

export type ASGDArguments = [
  params: Params,
  lr?: number,
  lambd?: number,
  alpha?: number,
  t0?: number,
  weightDecay?: number,
  maximize?: boolean,
];

/** Averaged SGD (Polyak & Juditsky, 1992). @see https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html */
export class ASGD extends ElementwiseOptimizer {
  static readonly names = ["params", "lr", "lambd", "alpha", "t0", "weightDecay", "maximize"] as const;
  protected override readonly rule = "asgd";

  constructor(...args: Arguments<typeof ASGD.names, ASGDArguments>) {
    const [params, lr = 0.01, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weightDecay = 0, maximize = false] =
      readArguments<ASGDArguments>(ASGD, args);
    super(params, checkOptions("ASGD", { lr, lambd, alpha, t0, weightDecay, maximize }));
  }

  protected override slotsOf(): readonly string[] {
    return ["ax"];
  }

  protected override numbersOf({ lr, lambd }: ParamGroup, state: ParamState): Numbers {
    const { eta, mu } = { eta: lr, mu: 1, ...state } as { eta: number; mu: number };
    return { eta, shrink: 1 - (lambd as number) * eta, mu, averages: mu !== 1 };
  }

  protected override countersOf(group: ParamGroup, state: ParamState): Readonly<Record<string, number>> {
    const { lr, lambd, alpha, t0 } = group as Settings<typeof ASGD.names, ASGDArguments>;
    const step = nextStep(state);
    return { step, eta: lr / (1 + lambd * lr * step) ** alpha, mu: 1 / Math.max(1, step - t0) };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { eta, shrink, mu } = this.numbersOf(group, state) as Readonly<Record<string, number>>;
    const ax = state["ax"] as Tensor;
    const next = param.mul(shrink!).sub(decayed(param, gradient, group), { alpha: eta! });
    if (mu === 1) ax.copy_(next);
    else ax.add_(next.sub(ax), { alpha: mu! });
    param.copy_(next);
  }
}

export type RpropArguments = [
  params: Params,
  lr?: number,
  /** Factors of a step size after a change of sign, and without one. */
  etas?: readonly [number, number],
  /** The smallest and the largest step. */
  stepSizes?: readonly [number, number],
  maximize?: boolean,
];

/** Resilient backpropagation (Riedmiller & Braun, 1993). @see https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html */
export class Rprop extends ElementwiseOptimizer {
  static readonly names = ["params", "lr", "etas", "stepSizes", "maximize"] as const;
  protected override readonly rule = "rprop";

  constructor(...args: Arguments<typeof Rprop.names, RpropArguments>) {
    const [params, lr = 0.01, etas = [0.5, 1.2], stepSizes = [1e-6, 50], maximize = false] =
      readArguments<RpropArguments>(Rprop, args);
    super(params, checkOptions("Rprop", { lr, etas, stepSizes, maximize }));
  }

  protected override slotsOf(): readonly string[] {
    return ["prev", "stepSize"];
  }

  protected override fresh(param: Tensor, group: ParamGroup, slot: string): Tensor {
    return slot === "prev" ? zerosLike(param) : fullLike(param, group.lr);
  }

  protected override numbersOf(group: ParamGroup): Numbers {
    const { etas, stepSizes } = group as Settings<typeof Rprop.names, RpropArguments>;
    return { slower: etas[0], faster: etas[1], least: stepSizes[0], most: stepSizes[1] };
  }

  protected override update(param: Tensor, grad: Tensor, state: ParamState, group: ParamGroup): void {
    const { etas, stepSizes } = group as Settings<typeof Rprop.names, RpropArguments>;
    const { prev, stepSize } = state as { prev: Tensor; stepSize: Tensor };
    const agreement = grad.mul(prev);
    const factor = where(agreement.gt(0), etas[1], where(agreement.lt(0), fullLike(param, etas[0]), 1));
    stepSize.mul_(factor).clamp_(stepSizes[0], stepSizes[1]);
    prev.copy_(where(agreement.lt(0), 0, grad));
    param.sub_(prev.sign().mul(stepSize));
  }
}
