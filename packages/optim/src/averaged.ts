/** Optimizers with step sizes or averages of their own: ASGD and Rprop. */
import { type Arguments, fullLike, readArguments, type Tensor, where, zerosLike } from "@dl/tensor";
import { Optimizer, type ParamGroup, type ParamState, type Params } from "./optimizer.ts";
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
export class ASGD extends Optimizer {
  static readonly names = ["params", "lr", "lambd", "alpha", "t0", "weightDecay", "maximize"] as const;

  constructor(...args: Arguments<typeof ASGD.names, ASGDArguments>) {
    const [params, lr = 0.01, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weightDecay = 0, maximize = false] =
      readArguments<ASGDArguments>(ASGD, args);
    super(params, checkOptions("ASGD", { lr, lambd, alpha, t0, weightDecay, maximize }));
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, lambd, alpha, t0, weightDecay } = group as Settings<typeof ASGD.names, ASGDArguments>;
    if (state["step"] === undefined) Object.assign(state, { step: 0, eta: lr, mu: 1, ax: zerosLike(param) });
    const { eta, mu, ax } = state as { eta: number; mu: number; ax: Tensor };
    const step = ((state["step"] as number) += 1);
    const grad = weightDecay === 0 ? gradient : gradient.add(param, { alpha: weightDecay });
    param.copy_(param.mul(1 - lambd * eta).sub(grad, { alpha: eta }));
    if (mu === 1) ax.copy_(param);
    else ax.add_(param.sub(ax), { alpha: mu });
    state["eta"] = lr / (1 + lambd * lr * step) ** alpha;
    state["mu"] = 1 / Math.max(1, step - t0);
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
export class Rprop extends Optimizer {
  static readonly names = ["params", "lr", "etas", "stepSizes", "maximize"] as const;

  constructor(...args: Arguments<typeof Rprop.names, RpropArguments>) {
    const [params, lr = 0.01, etas = [0.5, 1.2], stepSizes = [1e-6, 50], maximize = false] =
      readArguments<RpropArguments>(Rprop, args);
    super(params, checkOptions("Rprop", { lr, etas, stepSizes, maximize }));
  }

  protected override update(param: Tensor, grad: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, etas, stepSizes } = group as Settings<typeof Rprop.names, RpropArguments>;
    if (state["step"] === undefined) {
      Object.assign(state, { step: 0, prev: zerosLike(param), stepSize: fullLike(param, lr) });
    }
    const { prev, stepSize } = state as { prev: Tensor; stepSize: Tensor };
    (state["step"] as number) += 1;
    const agreement = grad.mul(prev);
    const factor = where(agreement.gt(0), etas[1], where(agreement.lt(0), fullLike(param, etas[0]), 1));
    stepSize.mul_(factor).clamp_(stepSizes[0], stepSizes[1]);
    const used = where(agreement.lt(0), 0, grad);
    param.sub_(used.sign().mul(stepSize));
    prev.copy_(used);
  }
}
