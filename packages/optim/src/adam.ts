import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import { decayed, ElementwiseOptimizer, type Numbers, nextStep, running } from "./elementwise.ts";
import type { ParamGroup, ParamState, Params } from "./optimizer.ts";
import { type Betas, checkOptions, type Settings } from "./options.ts";

const names = ["params", "lr", "betas", "eps", "weightDecay", "amsgrad", "maximize"] as const;
export type AdamArguments = [
  params: Params,
  lr?: number,
  betas?: Betas,
  eps?: number,
  weightDecay?: number,
  amsgrad?: boolean,
  maximize?: boolean,
];

/**
 * Adam (Kingma & Ba, 2014): steps by running means of gradients over the roots of those of their squares. Left out, `lr` is
 * 0.001, `betas` [0.9, 0.999], `eps` 1e-8, `weightDecay` (an L2 penalty; see {@link AdamW} for the decoupled one) 0, `amsgrad` and
 * `maximize` false. It keeps two tensors of the size of each parameter, three with `amsgrad`. Parameters without a gradient are
 * left alone.
 * @throws TensorError for options out of range, and for what {@link Optimizer} refuses
 * @see https://pytorch.org/docs/stable/generated/torch.optim.Adam.html
 * @example
 * const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
 * optimizer.zeroGrad();
 * model(rand(8, 4)).square().mean().backward();
 * optimizer.step();
 */
export class Adam extends ElementwiseOptimizer {
  static readonly names: typeof names = names;
  protected override readonly rule = "adam";
  /** Whether weight decay acts on the parameter instead of the gradient. */
  protected readonly decoupled: boolean = false;

  constructor(...args: Arguments<typeof names, AdamArguments>) {
    const [params, lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false, maximize = false] =
      readArguments<AdamArguments>(Adam, args);
    super(params, checkOptions("Adam", { lr, betas, eps, weightDecay, amsgrad, maximize }));
  }

  protected override slotsOf({ amsgrad }: ParamGroup): readonly string[] {
    return amsgrad ? ["expAvg", "expAvgSq", "maxExpAvgSq"] : ["expAvg", "expAvgSq"];
  }

  protected override numbersOf(group: ParamGroup, state: ParamState): Numbers {
    const { lr, betas, eps, amsgrad } = group as Settings<typeof names, AdamArguments>;
    const [beta1, beta2] = betas;
    return { lr, beta1, beta2, eps, decoupled: this.decoupled, amsgrad, step: nextStep(state) };
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps, weightDecay, amsgrad } = group as Settings<typeof names, AdamArguments>;
    const { expAvg, expAvgSq } = state as { expAvg: Tensor; expAvgSq: Tensor };
    const step = nextStep(state);
    const start = weightDecay !== 0 && this.decoupled ? param.mul(1 - lr * weightDecay) : param;
    const grad = this.decoupled ? gradient : decayed(param, gradient, group);
    running(expAvg, grad, betas[0]);
    running(expAvgSq, grad.square(), betas[1]);
    const largest = amsgrad ? (state["maxExpAvgSq"] as Tensor).maximum_(expAvgSq) : expAvgSq;
    const denominator = largest
      .sqrt()
      .div(Math.sqrt(1 - betas[1] ** step))
      .add(eps);
    param.copy_(start.sub(expAvg.div(denominator), { alpha: lr / (1 - betas[0] ** step) }));
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter, 2017).
 * @see https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 * @example
 * const optimizer = new AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.05 });
 * optimizer.zeroGrad();
 * model(rand(8, 4)).square().mean().backward();
 * optimizer.step();
 */
export class AdamW extends Adam {
  protected override readonly decoupled: boolean = true;

  constructor(...args: Arguments<typeof names, AdamArguments>) {
    const [params, lr, betas, eps, weightDecay = 0.01, amsgrad, maximize] = readArguments<AdamArguments>(AdamW, args);
    super({ params, lr, betas, eps, weightDecay, amsgrad, maximize });
  }
}
