/** Optimizers that scale every element's step by what its gradients were. */
import { cat, type Tensor, zerosLike } from "@dl/tensor";
import { checkOptions } from "./check.ts";
import { Optimizer, type ParamGroup, type Params, type ParamState } from "./optimizer.ts";

export interface RMSpropOptions {
  readonly lr?: number;
  readonly alpha?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  readonly centered?: boolean;
  readonly maximize?: boolean;
}

/** The state's tensor of that name, zeros at first. */
function slot(state: ParamState, name: string, param: Tensor): Tensor {
  return (state[name] ??= zerosLike(param).keep()) as Tensor;
}

function count(state: ParamState): number {
  const step = ((state["step"] as number | undefined) ?? 0) + 1;
  state["step"] = step;
  return step;
}

function decayed(param: Tensor, grad: Tensor, { weightDecay }: ParamGroup): Tensor {
  return weightDecay === 0 ? grad : grad.add(param, { alpha: weightDecay as number });
}

/** A running mean: mean ← decay · mean + (1 − decay) · value. */
function running(mean: Tensor, value: Tensor, decay: number): Tensor {
  return mean.mul_(decay).add_(value, { alpha: 1 - decay });
}

/** Hinton's lecture 6e. @see https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html */
export class RMSprop extends Optimizer {
  constructor(params: Params, options: RMSpropOptions = {}) {
    const defaults = { lr: 0.01, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false, ...options };
    checkOptions("RMSprop", defaults);
    super(params, defaults);
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, alpha, eps, momentum, centered } = group as Required<RMSpropOptions> & ParamGroup;
    count(state);
    const grad = decayed(param, gradient, group);
    const squares = running(slot(state, "squareAvg", param), grad.square(), alpha);
    const spread = centered ? squares.sub(running(slot(state, "gradAvg", param), grad, alpha).square()) : squares;
    const step = grad.div(spread.sqrt().add(eps));
    if (momentum > 0) param.sub_(slot(state, "momentumBuffer", param).mul_(momentum).add_(step), { alpha: lr });
    else param.sub_(step, { alpha: lr });
  }
}

export interface AdagradOptions {
  readonly lr?: number;
  readonly lrDecay?: number;
  readonly weightDecay?: number;
  readonly initialAccumulatorValue?: number;
  readonly eps?: number;
  readonly maximize?: boolean;
}

/** Duchi et al., 2011. @see https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html */
export class Adagrad extends Optimizer {
  constructor(params: Params, options: AdagradOptions = {}) {
    const defaults = { lr: 0.01, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false, ...options };
    checkOptions("Adagrad", defaults);
    super(params, defaults);
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, lrDecay, eps, initialAccumulatorValue } = group as Required<AdagradOptions> & ParamGroup;
    if (state["sum"] === undefined) slot(state, "sum", param).fill_(initialAccumulatorValue);
    const step = count(state);
    const grad = decayed(param, gradient, group);
    const sum = slot(state, "sum", param).add_(grad.square());
    param.sub_(grad.div(sum.sqrt().add(eps)), { alpha: lr / (1 + (step - 1) * lrDecay) });
  }
}

export interface AdadeltaOptions {
  readonly lr?: number;
  readonly rho?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly maximize?: boolean;
}

/** Zeiler, 2012. @see https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html */
export class Adadelta extends Optimizer {
  constructor(params: Params, options: AdadeltaOptions = {}) {
    const defaults = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false, ...options };
    checkOptions("Adadelta", defaults);
    super(params, defaults);
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, rho, eps } = group as Required<AdadeltaOptions> & ParamGroup;
    count(state);
    const grad = decayed(param, gradient, group);
    const squares = running(slot(state, "squareAvg", param), grad.square(), rho);
    const steps = slot(state, "accDelta", param);
    const delta = steps.add(eps).sqrt().div(squares.add(eps).sqrt()).mul(grad);
    running(steps, delta.square(), rho);
    param.sub_(delta, { alpha: lr });
  }
}

export interface AdamaxOptions {
  readonly lr?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly maximize?: boolean;
}

/** Adam with the infinity norm (Kingma & Ba, 2014). @see https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html */
export class Adamax extends Optimizer {
  constructor(params: Params, options: AdamaxOptions = {}) {
    const defaults = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false, ...options };
    checkOptions("Adamax", defaults);
    super(params, defaults);
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps } = group as Required<AdamaxOptions> & ParamGroup;
    const [step, grad] = [count(state), decayed(param, gradient, group)];
    const mean = running(slot(state, "expAvg", param), grad, betas[0]);
    const largest = slot(state, "expInf", param);
    largest.copy_(cat([largest.mul(betas[1]).unsqueeze(0), grad.abs().add(eps).unsqueeze(0)]).amax(0));
    param.sub_(mean.div(largest), { alpha: lr / (1 - betas[0] ** step) });
  }
}

export interface NAdamOptions {
  readonly lr?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
  readonly momentumDecay?: number;
}

/** Adam with Nesterov momentum (Dozat, 2016). @see https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html */
export class NAdam extends Optimizer {
  constructor(params: Params, options: NAdamOptions = {}) {
    const defaults = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3, ...options };
    checkOptions("NAdam", defaults);
    super(params, defaults);
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps, momentumDecay } = group as Required<NAdamOptions> & ParamGroup;
    const [step, grad] = [count(state), decayed(param, gradient, group)];
    const momentum = (at: number): number => betas[0] * (1 - 0.5 * 0.96 ** (at * momentumDecay));
    const [now, next] = [momentum(step), momentum(step + 1)];
    const product = ((state["muProduct"] as number | undefined) ?? 1) * now;
    state["muProduct"] = product;
    const mean = running(slot(state, "expAvg", param), grad, betas[0]);
    const squares = running(slot(state, "expAvgSq", param), grad.square(), betas[1]);
    const denominator = squares.div(1 - betas[1] ** step).sqrt().add(eps);
    param.sub_(grad.div(denominator), { alpha: (lr * (1 - now)) / (1 - product) });
    param.sub_(mean.div(denominator), { alpha: (lr * next) / (1 - product * next) });
  }
}

/** Rectified Adam (Liu et al., 2019). @see https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html */
export class RAdam extends Optimizer {
  constructor(params: Params, options: Omit<AdamaxOptions, "maximize"> = {}) {
    const defaults = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...options };
    checkOptions("RAdam", defaults);
    super(params, defaults);
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps } = group as Required<AdamaxOptions> & ParamGroup;
    const [step, grad] = [count(state), decayed(param, gradient, group)];
    const mean = running(slot(state, "expAvg", param), grad, betas[0]).div(1 - betas[0] ** step);
    const squares = running(slot(state, "expAvgSq", param), grad.square(), betas[1]);
    const correction = 1 - betas[1] ** step;
    const limit = 2 / (1 - betas[1]) - 1;
    const length = limit - (2 * step * betas[1] ** step) / correction;
    if (length <= 5) {
      param.sub_(mean, { alpha: lr });
      return;
    }
    const rectified = Math.sqrt(
      ((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length),
    );
    param.sub_(mean.div(squares.sqrt().add(eps)), { alpha: lr * Math.sqrt(correction) * rectified });
  }
}
