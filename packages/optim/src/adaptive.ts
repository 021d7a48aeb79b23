/** Optimizers that scale every element's step by what its gradients were. */
import { type Arguments, cat, readArguments, type Tensor, zerosLike } from "@dl/tensor";
import { Optimizer, type ParamGroup, type ParamState, type Params } from "./optimizer.ts";
import { type Betas, checkOptions, type Settings } from "./options.ts";

export type RMSpropArguments = [
  params: Params,
  lr?: number,
  alpha?: number,
  eps?: number,
  weightDecay?: number,
  momentum?: number,
  centered?: boolean,
  maximize?: boolean,
];

/** The state's tensor of that name, zeros at first. */
function slot(state: ParamState, name: string, param: Tensor): Tensor {
  return (state[name] ??= zerosLike(param)) as Tensor;
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
  static readonly names = ["params", "lr", "alpha", "eps", "weightDecay", "momentum", "centered", "maximize"] as const;

  constructor(...args: Arguments<typeof RMSprop.names, RMSpropArguments>) {
    const [
      params,
      lr = 0.01,
      alpha = 0.99,
      eps = 1e-8,
      weightDecay = 0,
      momentum = 0,
      centered = false,
      maximize = false,
    ] = readArguments<RMSpropArguments>(RMSprop, args);
    super(params, checkOptions("RMSprop", { lr, alpha, eps, weightDecay, momentum, centered, maximize }));
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, alpha, eps, momentum, centered } = group as Settings<typeof RMSprop.names, RMSpropArguments>;
    count(state);
    const grad = decayed(param, gradient, group);
    const squares = running(slot(state, "squareAvg", param), grad.square(), alpha);
    const spread = centered ? squares.sub(running(slot(state, "gradAvg", param), grad, alpha).square()) : squares;
    const step = grad.div(spread.sqrt().add(eps));
    if (momentum > 0) param.sub_(slot(state, "momentumBuffer", param).mul_(momentum).add_(step), { alpha: lr });
    else param.sub_(step, { alpha: lr });
  }
}

export type AdagradArguments = [
  params: Params,
  lr?: number,
  lrDecay?: number,
  weightDecay?: number,
  initialAccumulatorValue?: number,
  eps?: number,
  maximize?: boolean,
];

/** Duchi et al., 2011. @see https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html */
export class Adagrad extends Optimizer {
  static readonly names = [
    "params",
    "lr",
    "lrDecay",
    "weightDecay",
    "initialAccumulatorValue",
    "eps",
    "maximize",
  ] as const;

  constructor(...args: Arguments<typeof Adagrad.names, AdagradArguments>) {
    const [
      params,
      lr = 0.01,
      lrDecay = 0,
      weightDecay = 0,
      initialAccumulatorValue = 0,
      eps = 1e-10,
      maximize = false,
    ] = readArguments<AdagradArguments>(Adagrad, args);
    super(params, checkOptions("Adagrad", { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize }));
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, lrDecay, eps, initialAccumulatorValue } = group as Settings<typeof Adagrad.names, AdagradArguments>;
    if (state["sum"] === undefined) slot(state, "sum", param).fill_(initialAccumulatorValue);
    const step = count(state);
    const grad = decayed(param, gradient, group);
    const sum = slot(state, "sum", param).add_(grad.square());
    param.sub_(grad.div(sum.sqrt().add(eps)), { alpha: lr / (1 + (step - 1) * lrDecay) });
  }
}

export type AdadeltaArguments = [
  params: Params,
  lr?: number,
  rho?: number,
  eps?: number,
  weightDecay?: number,
  maximize?: boolean,
];

/** Zeiler, 2012. @see https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html */
export class Adadelta extends Optimizer {
  static readonly names = ["params", "lr", "rho", "eps", "weightDecay", "maximize"] as const;

  constructor(...args: Arguments<typeof Adadelta.names, AdadeltaArguments>) {
    const [params, lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0, maximize = false] = readArguments<AdadeltaArguments>(
      Adadelta,
      args,
    );
    super(params, checkOptions("Adadelta", { lr, rho, eps, weightDecay, maximize }));
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, rho, eps } = group as Settings<typeof Adadelta.names, AdadeltaArguments>;
    count(state);
    const grad = decayed(param, gradient, group);
    const squares = running(slot(state, "squareAvg", param), grad.square(), rho);
    const steps = slot(state, "accDelta", param);
    const delta = steps.add(eps).sqrt().div(squares.add(eps).sqrt()).mul(grad);
    running(steps, delta.square(), rho);
    param.sub_(delta, { alpha: lr });
  }
}

export type AdamaxArguments = [
  params: Params,
  lr?: number,
  betas?: Betas,
  eps?: number,
  weightDecay?: number,
  maximize?: boolean,
];

/** Adam with the infinity norm (Kingma & Ba, 2014). @see https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html */
export class Adamax extends Optimizer {
  static readonly names = ["params", "lr", "betas", "eps", "weightDecay", "maximize"] as const;

  constructor(...args: Arguments<typeof Adamax.names, AdamaxArguments>) {
    const [params, lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, maximize = false] =
      readArguments<AdamaxArguments>(Adamax, args);
    super(params, checkOptions("Adamax", { lr, betas, eps, weightDecay, maximize }));
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps } = group as Settings<typeof Adamax.names, AdamaxArguments>;
    const [step, grad] = [count(state), decayed(param, gradient, group)];
    const mean = running(slot(state, "expAvg", param), grad, betas[0]);
    const largest = slot(state, "expInf", param);
    largest.copy_(cat([largest.mul(betas[1]).unsqueeze(0), grad.abs().add(eps).unsqueeze(0)]).amax(0));
    param.sub_(mean.div(largest), { alpha: lr / (1 - betas[0] ** step) });
  }
}

export type NAdamArguments = [
  params: Params,
  lr?: number,
  betas?: Betas,
  eps?: number,
  weightDecay?: number,
  momentumDecay?: number,
];

/** Adam with Nesterov momentum (Dozat, 2016). @see https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html */
export class NAdam extends Optimizer {
  static readonly names = ["params", "lr", "betas", "eps", "weightDecay", "momentumDecay"] as const;

  constructor(...args: Arguments<typeof NAdam.names, NAdamArguments>) {
    const [params, lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 4e-3] =
      readArguments<NAdamArguments>(NAdam, args);
    super(params, checkOptions("NAdam", { lr, betas, eps, weightDecay, momentumDecay }));
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps, momentumDecay } = group as Settings<typeof NAdam.names, NAdamArguments>;
    const [step, grad] = [count(state), decayed(param, gradient, group)];
    const momentum = (at: number): number => betas[0] * (1 - 0.5 * 0.96 ** (at * momentumDecay));
    const [now, next] = [momentum(step), momentum(step + 1)];
    const product = ((state["muProduct"] as number | undefined) ?? 1) * now;
    state["muProduct"] = product;
    const mean = running(slot(state, "expAvg", param), grad, betas[0]);
    const squares = running(slot(state, "expAvgSq", param), grad.square(), betas[1]);
    const denominator = squares
      .div(1 - betas[1] ** step)
      .sqrt()
      .add(eps);
    const ahead = param.sub(grad.div(denominator), { alpha: (lr * (1 - now)) / (1 - product) });
    // PyTorch 1.13, where the reference vectors come from, has μₜ twice in the second product; 2.x has it once.
    param.copy_(ahead.sub(mean.div(denominator), { alpha: (lr * next) / (1 - product * now * next) }));
  }
}

export type RAdamArguments = [params: Params, lr?: number, betas?: Betas, eps?: number, weightDecay?: number];

/** Rectified Adam (Liu et al., 2019). @see https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html */
export class RAdam extends Optimizer {
  static readonly names = ["params", "lr", "betas", "eps", "weightDecay"] as const;

  constructor(...args: Arguments<typeof RAdam.names, RAdamArguments>) {
    const [params, lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0] = readArguments<RAdamArguments>(
      RAdam,
      args,
    );
    super(params, checkOptions("RAdam", { lr, betas, eps, weightDecay }));
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps } = group as Settings<typeof RAdam.names, RAdamArguments>;
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
    const rectified = Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length));
    param.sub_(mean.div(squares.sqrt().add(eps)), { alpha: lr * Math.sqrt(correction) * rectified });
  }
}
