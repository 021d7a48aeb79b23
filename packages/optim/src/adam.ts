import { type Arguments, readArguments, type Tensor, updateParameters, zerosLike } from "@dl/tensor";
import { Optimizer, type ParamGroup, type ParamState, type Params, withGradients } from "./optimizer.ts";
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
 * Adam (Kingma & Ba, 2014).
 * @see https://pytorch.org/docs/stable/generated/torch.optim.Adam.html
 * @example
 * const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
 * optimizer.zeroGrad();
 * model(rand(8, 4)).square().mean().backward();
 * optimizer.step();
 */
export class Adam extends Optimizer {
  static readonly names: typeof names = names;
  /** Whether weight decay acts on the parameter instead of the gradient. */
  protected readonly decoupled: boolean = false;

  constructor(...args: Arguments<typeof names, AdamArguments>) {
    const [params, lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false, maximize = false] =
      readArguments<AdamArguments>(Adam, args);
    super(params, checkOptions("Adam", { lr, betas, eps, weightDecay, amsgrad, maximize }));
  }

  protected override updateGroup(group: ParamGroup): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = group as Settings<typeof names, AdamArguments>;
    for (const [step, params] of this.#bySteps(withGradients(group).params, amsgrad)) {
      const slot = (name: string): Tensor[] => params.map((param) => this.state.get(param)![name] as Tensor);
      const targets = [params, slot("expAvg"), slot("expAvgSq"), ...(amsgrad ? [slot("maxExpAvgSq")] : [])];
      const [beta1, beta2] = betas;
      const attrs = { lr, beta1, beta2, eps, weightDecay, decoupled: this.decoupled, amsgrad, maximize, step };
      const grads = params.map(({ grad }) => grad!);
      const done = updateParameters("adam", targets, grads, attrs);
      for (const param of params) {
        const state = this.state.get(param)!;
        if (!done) this.update(param, maximize ? param.grad!.neg() : param.grad!, state, group);
        state["step"] = step;
      }
    }
  }

  /** Parameters by the number of the step to come. */
  #bySteps(params: readonly Tensor[], amsgrad: boolean): Map<number, Tensor[]> {
    const groups = new Map<number, Tensor[]>();
    for (const param of params) {
      const state = this.stateOf(param);
      if (state["step"] === undefined) {
        Object.assign(state, { step: 0, expAvg: zerosLike(param), expAvgSq: zerosLike(param) });
        if (amsgrad) state["maxExpAvgSq"] = zerosLike(param);
      }
      const step = (state["step"] as number) + 1;
      groups.set(step, [...(groups.get(step) ?? []), param]);
    }
    return groups;
  }

  protected override update(param: Tensor, gradient: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, betas, eps, weightDecay, amsgrad } = group as Settings<typeof names, AdamArguments>;
    const { expAvg, expAvgSq } = state as { expAvg: Tensor; expAvgSq: Tensor };
    const step = (state["step"] as number) + 1;
    const start = weightDecay !== 0 && this.decoupled ? param.mul(1 - lr * weightDecay) : param;
    const grad = weightDecay !== 0 && !this.decoupled ? gradient.add(param, { alpha: weightDecay }) : gradient;
    const [beta1, beta2] = betas;
    expAvg.mul_(beta1).add_(grad, { alpha: 1 - beta1 });
    expAvgSq.mul_(beta2).add_(grad.square(), { alpha: 1 - beta2 });
    const largest = amsgrad ? (state["maxExpAvgSq"] as Tensor).maximum_(expAvgSq) : expAvgSq;
    const denominator = largest
      .sqrt()
      .div(Math.sqrt(1 - beta2 ** step))
      .add(eps);
    param.copy_(start.sub(expAvg.div(denominator), { alpha: lr / (1 - beta1 ** step) }));
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
