/** Optimizers that scale every element's step by what its gradients were. */
import { type Arguments, cat, fullLike, readArguments, type Tensor } from "@dl/tensor";
import { decayed, ElementwiseOptimizer, type Numbers, nextStep, running } from "./elementwise.ts";
import type { ParamGroup, ParamState, Params } from "./optimizer.ts";
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

/** Hinton's lecture 6e. @see https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html */
export class RMSprop extends ElementwiseOptimizer {
  static readonly names = ["params", "lr", "alpha", "eps", "weightDecay", "momentum", "centered", "maximize"] as const;
  protected override readonly rule = "rmsprop";

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

  protected override slotsOf({ centered, momentum }: ParamGroup): readonly string[] {
    return ["squareAvg", ...(centered ? ["gradAvg"] : []), ...(momentum ? ["momentumBuffer"] : [])];
  }

  protected override numbersOf(group: ParamGroup): Numbers {
    const { lr, alpha, eps, momentum, centered } = group as Settings<typeof RMSprop.names, RMSpropArguments>;
    return { lr, alpha, eps, momentum, centered };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, alpha, eps, momentum, centered } = group as Settings<typeof RMSprop.names, RMSpropArguments>;
    const { squareAvg, gradAvg, momentumBuffer } = state as Record<string, Tensor>;
    const grad = decayed(param, gradient, group);
    const squares = running(squareAvg!, grad.square(), alpha);
    const spread = centered ? squares.sub(running(gradAvg!, grad, alpha).square()) : squares;
    const ratio = grad.div(spread.sqrt().add(eps));
    param.sub_(momentum > 0 ? momentumBuffer!.mul_(momentum).add_(ratio) : ratio, { alpha: lr });
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
export class Adagrad extends ElementwiseOptimizer {
  static readonly names = [
    "params",
    "lr",
    "lrDecay",
    "weightDecay",
    "initialAccumulatorValue",
    "eps",
    "maximize",
  ] as const;
  protected override readonly rule = "adagrad";

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

  protected override slotsOf(): readonly string[] {
    return ["sum"];
  }

  protected override fresh(param: Tensor, group: ParamGroup): Tensor {
    return fullLike(param, group["initialAccumulatorValue"] as number);
  }

  protected override numbersOf(group: ParamGroup, state: ParamState): Numbers {
    const { lr, lrDecay, eps } = group as Settings<typeof Adagrad.names, AdagradArguments>;
    return { lr: lr / (1 + (nextStep(state) - 1) * lrDecay), eps };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, eps } = this.numbersOf(group, state) as Readonly<Record<string, number>>;
    const grad = decayed(param, gradient, group);
    const sum = (state["sum"] as Tensor).add_(grad.square());
    param.sub_(grad.div(sum.sqrt().add(eps!)), { alpha: lr! });
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
export class Adadelta extends ElementwiseOptimizer {
  static readonly names = ["params", "lr", "rho", "eps", "weightDecay", "maximize"] as const;
  protected override readonly rule = "adadelta";

  constructor(...args: Arguments<typeof Adadelta.names, AdadeltaArguments>) {
    const [params, lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0, maximize = false] = readArguments<AdadeltaArguments>(
      Adadelta,
      args,
    );
    super(params, checkOptions("Adadelta", { lr, rho, eps, weightDecay, maximize }));
  }

  protected override slotsOf(): readonly string[] {
    return ["squareAvg", "accDelta"];
  }

  protected override numbersOf(group: ParamGroup): Numbers {
    const { lr, rho, eps } = group as Settings<typeof Adadelta.names, AdadeltaArguments>;
    return { lr, rho, eps };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, rho, eps } = group as Settings<typeof Adadelta.names, AdadeltaArguments>;
    const { squareAvg, accDelta } = state as { squareAvg: Tensor; accDelta: Tensor };
    const grad = decayed(param, gradient, group);
    const squares = running(squareAvg, grad.square(), rho);
    const delta = accDelta.add(eps).sqrt().div(squares.add(eps).sqrt()).mul(grad);
    running(accDelta, delta.square(), rho);
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
export class Adamax extends ElementwiseOptimizer {
  static readonly names = ["params", "lr", "betas", "eps", "weightDecay", "maximize"] as const;
  protected override readonly rule = "adamax";

  constructor(...args: Arguments<typeof Adamax.names, AdamaxArguments>) {
    const [params, lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, maximize = false] =
      readArguments<AdamaxArguments>(Adamax, args);
    super(params, checkOptions("Adamax", { lr, betas, eps, weightDecay, maximize }));
  }

  protected override slotsOf(): readonly string[] {
    return ["expAvg", "expInf"];
  }

  protected override numbersOf(group: ParamGroup, state: ParamState): Numbers {
    const { lr, betas, eps } = group as Settings<typeof Adamax.names, AdamaxArguments>;
    const [beta1, beta2] = betas;
    return { rate: lr / (1 - beta1 ** nextStep(state)), beta1, beta2, eps };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { rate, beta1, beta2, eps } = this.numbersOf(group, state) as Readonly<Record<string, number>>;
    const { expAvg, expInf } = state as { expAvg: Tensor; expInf: Tensor };
    const grad = decayed(param, gradient, group);
    running(expAvg, grad, beta1!);
    expInf.copy_(cat([expInf.mul(beta2!).unsqueeze(0), grad.abs().add(eps!).unsqueeze(0)]).amax(0));
    param.sub_(expAvg.div(expInf), { alpha: rate! });
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

/** μₜ. */
function momentumAt(step: number, group: ParamGroup): number {
  const { betas, momentumDecay } = group as Settings<typeof NAdam.names, NAdamArguments>;
  return betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay));
}

/** Adam with Nesterov momentum (Dozat, 2016). @see https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html */
export class NAdam extends ElementwiseOptimizer {
  static readonly names = ["params", "lr", "betas", "eps", "weightDecay", "momentumDecay"] as const;
  protected override readonly rule = "nadam";

  constructor(...args: Arguments<typeof NAdam.names, NAdamArguments>) {
    const [params, lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 4e-3] =
      readArguments<NAdamArguments>(NAdam, args);
    super(params, checkOptions("NAdam", { lr, betas, eps, weightDecay, momentumDecay }));
  }

  protected override slotsOf(): readonly string[] {
    return ["expAvg", "expAvgSq"];
  }

  protected override numbersOf(group: ParamGroup, state: ParamState): Numbers {
    const { lr, betas, eps } = group as Settings<typeof NAdam.names, NAdamArguments>;
    const [step, [beta1, beta2]] = [nextStep(state), betas];
    const [now, next] = [momentumAt(step, group), momentumAt(step + 1, group)];
    const { muProduct } = this.countersOf(group, state) as { muProduct: number };
    const gradientRate = (lr * (1 - now)) / (1 - muProduct);
    // PyTorch 1.13, where the reference vectors come from, has μₜ twice in the second product; 2.x has it once.
    const meanRate = (lr * next) / (1 - muProduct * now * next);
    return { gradientRate, meanRate, beta1, beta2, correction: 1 - beta2 ** step, eps };
  }

  protected override countersOf(group: ParamGroup, state: ParamState): Readonly<Record<string, number>> {
    const step = nextStep(state);
    const before = (state["muProduct"] as number | undefined) ?? 1;
    return { step, muProduct: before * momentumAt(step, group) };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const numbers = this.numbersOf(group, state) as Readonly<Record<string, number>>;
    const { gradientRate, meanRate, beta1, beta2, correction, eps } = numbers;
    const { expAvg, expAvgSq } = state as { expAvg: Tensor; expAvgSq: Tensor };
    const grad = decayed(param, gradient, group);
    running(expAvg, grad, beta1!);
    const size = running(expAvgSq, grad.square(), beta2!).div(correction!).sqrt().add(eps!);
    const ahead = param.sub(grad.div(size), { alpha: gradientRate! });
    param.copy_(ahead.sub(expAvg.div(size), { alpha: meanRate! }));
  }
}

export type RAdamArguments = [params: Params, lr?: number, betas?: Betas, eps?: number, weightDecay?: number];

/** Rectified Adam (Liu et al., 2019). @see https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html */
export class RAdam extends ElementwiseOptimizer {
  static readonly names = ["params", "lr", "betas", "eps", "weightDecay"] as const;
  protected override readonly rule = "radam";

  constructor(...args: Arguments<typeof RAdam.names, RAdamArguments>) {
    const [params, lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0] = readArguments<RAdamArguments>(
      RAdam,
      args,
    );
    super(params, checkOptions("RAdam", { lr, betas, eps, weightDecay }));
  }

  protected override slotsOf(): readonly string[] {
    return ["expAvg", "expAvgSq"];
  }

  protected override numbersOf(group: ParamGroup, state: ParamState): Numbers {
    const { lr, betas, eps } = group as Settings<typeof RAdam.names, RAdamArguments>;
    const [step, [beta1, beta2]] = [nextStep(state), betas];
    const correction = 1 - beta2 ** step;
    const limit = 2 / (1 - beta2) - 1;
    const length = limit - (2 * step * beta2 ** step) / correction;
    const spread = ((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length);
    const rectified = length > 5;
    const rate = (lr / (1 - beta1 ** step)) * (rectified ? Math.sqrt(correction * spread) : 1);
    return { rate, beta1, beta2, eps, rectified };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { rate, beta1, beta2, eps, rectified } = this.numbersOf(group, state) as Readonly<Record<string, number>>;
    const { expAvg, expAvgSq } = state as { expAvg: Tensor; expAvgSq: Tensor };
    const grad = decayed(param, gradient, group);
    const mean = running(expAvg, grad, beta1!);
    const squares = running(expAvgSq, grad.square(), beta2!);
    param.sub_(rectified ? mean.div(squares.sqrt().add(eps!)) : mean, { alpha: rate! });
  }
}
