import { type Arguments, fail, readArguments, type Tensor, updateParameters } from "@dl/tensor";
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
    const { params, grads } = withGradients(group);
    if (group["momentum"] === 0) {
      if (params.length > 0 && !updateParameters("sgd", [params], grads, settings(group, false)))
        super.updateGroup(group);
      return;
    }
    const started = params.filter((param) => this.stateOf(param)["momentumBuffer"] !== undefined);
    const fresh = params.filter((param) => !started.includes(param));
    if (fresh.length > 0) this.#withMomentum(fresh, group, true);
    if (started.length > 0) this.#withMomentum(started, group, false);
  }

  #withMomentum(params: Tensor[], group: ParamGroup, first: boolean): void {
    const grads = params.map(({ grad }) => grad!);
    const buffers = params.map((param, i) =>
      first ? grads[i]!.mul(0) : (this.stateOf(param)["momentumBuffer"] as Tensor),
    );
    const done = updateParameters("sgd", [params, buffers], grads, settings(group, first));
    for (const [i, param] of params.entries()) {
      if (!done) this.#momentumStep(param, buffers[i]!, group, first);
      this.stateOf(param)["momentumBuffer"] = buffers[i]!;
    }
  }

  #momentumStep(param: Tensor, buffer: Tensor, group: ParamGroup, first: boolean): void {
    const { lr, momentum, dampening, nesterov } = settings(group, first);
    const d = direction(param, group);
    if (first) buffer.copy_(d);
    else buffer.mul_(momentum).add_(d, { alpha: 1 - dampening });
    param.sub_(nesterov ? d.add(buffer, { alpha: momentum }) : buffer, { alpha: lr });
  }

  protected override update(param: Tensor, _grad: Tensor, _state: ParamState, group: ParamGroup): void {
    param.sub_(direction(param, group), { alpha: group.lr });
  }
}

/** The gradient, reversed to maximize, with weight decay. */
function direction(param: Tensor, group: ParamGroup): Tensor {
  const grad = group["maximize"] ? param.grad!.neg() : param.grad!;
  const decay = group["weightDecay"] as number;
  return decay === 0 ? grad : grad.add(param, { alpha: decay });
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
