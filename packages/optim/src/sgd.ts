import { type Arguments, fail, readArguments, type Tensor, updateParameters } from "@dl/tensor";
import { decayed } from "./elementwise.ts";
import { Optimizer, type ParamGroup, type ParamState, type Params, withGradients } from "./optimizer.ts";
import { checkOptions, type Settings } from "./options.ts";

export type SGDArguments = [
  params: Params,
  lr: number,
  momentum?: number,
  dampening?: number,
  weightDecay?: number,
  nesterov?: boolean,
  maximize?: boolean,
];

/**
 * Stochastic gradient descent, with momentum if it is not 0 (Sutskever et al., 2013). The learning rate `lr` has no default;
 * 0.01 to 0.1 is a usual beginning. Left out, `momentum`, `dampening` and `weightDecay` (an L2 penalty) are 0, `nesterov` and
 * `maximize` false. Parameters without a gradient are left alone.
 * @throws TensorError without `lr`, for negative options, for `nesterov` without momentum, and for what {@link Optimizer} refuses
 * @see https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
 * optimizer.zeroGrad();
 * model(rand(8, 4)).square().mean().backward();
 * optimizer.step();
 */
export class SGD extends Optimizer {
  static readonly names = ["params", "lr", "momentum", "dampening", "weightDecay", "nesterov", "maximize"] as const;

  constructor(...args: Arguments<typeof SGD.names, SGDArguments>) {
    const [params, lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, maximize = false] =
      readArguments<SGDArguments>(SGD, args);
    if (lr === undefined) fail("SGD", "needs a learning rate", "Give { lr: 0.01 } or so");
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      fail("SGD", "nesterov needs a momentum above 0 and no dampening");
    }
    super(params, checkOptions("SGD", { lr, momentum, dampening, weightDecay, nesterov, maximize }));
  }

  protected override updateGroup(group: ParamGroup): void {
    if (this.update !== SGD.prototype.update) {
      super.updateGroup(group);
      return;
    }
    const { params } = withGradients(group);
    const isFresh = (param: Tensor): boolean => !this.stateOf(param)["momentumBuffer"];
    const fresh = group["momentum"] === 0 ? [] : params.filter(isFresh);
    this.#stepAlike(fresh, group, true);
    this.#stepAlike(fresh.length === 0 ? params : params.filter((param) => !fresh.includes(param)), group, false);
  }

  /** Parameters that all have a momentum, or all have none yet. */
  #stepAlike(params: readonly Tensor[], group: ParamGroup, first: boolean): void {
    if (params.length === 0) return;
    const grads = params.map(({ grad }) => grad!);
    const states = params.map((param) => this.stateOf(param));
    const buffers = states.map((state, i) => (first ? grads[i]!.mul(0) : (state["momentumBuffer"] as Tensor)));
    const targets = group["momentum"] === 0 ? [params] : [params, buffers];
    const done = updateParameters("sgd", targets, grads, settings(group, first));
    for (const [i, state] of states.entries()) {
      if (!done) this.update(params[i]!, group["maximize"] ? grads[i]!.neg() : grads[i]!, state, group);
      else if (first) state["momentumBuffer"] = buffers[i]!;
    }
  }

  protected override update(param: Tensor, grad: Tensor, state: ParamState, group: ParamGroup): void {
    const { lr, momentum, dampening, nesterov } = settings(group, false);
    const d = decayed(param, grad, group);
    if (momentum === 0) {
      param.sub_(d, { alpha: lr });
      return;
    }
    const known = state["momentumBuffer"] as Tensor | undefined;
    const buffer = known ? known.mul_(momentum).add_(d, { alpha: 1 - dampening }) : d.clone();
    state["momentumBuffer"] = buffer;
    param.sub_(nesterov ? d.add(buffer, { alpha: momentum }) : buffer, { alpha: lr });
  }
}

type Attributes = Readonly<Record<string, number | boolean>> &
  Pick<Settings<typeof SGD.names, SGDArguments>, "lr" | "momentum" | "dampening" | "nesterov">;

function settings(group: ParamGroup, firstStep: boolean): Attributes {
  const { lr, momentum, dampening, nesterov, weightDecay, maximize } = group as Settings<
    typeof SGD.names,
    SGDArguments
  >;
  return { lr, momentum, dampening, nesterov, weightDecay, maximize, firstStep };
}
