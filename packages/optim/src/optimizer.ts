import {
  clearGradients,
  enableGrad,
  fail,
  isTensor,
  noGrad,
  scope,
  type Tensor,
  type ZeroGradArguments,
} from "@dl/tensor";
import { print } from "./print.ts";
import { exportState, importState, type OptimizerState } from "./state-dict.ts";

/** Parameters that share their options. */
export interface ParamGroup {
  params: Tensor[];
  lr: number;
  /** The learning rate before schedulers changed it. */
  initialLr?: number;
  [option: string]: unknown;
}

/** What constructors take: parameters, or groups of them with options of their own. */
export type Params =
  | Iterable<Tensor>
  | Iterable<{ readonly params: Tensor | Iterable<Tensor>; readonly [option: string]: unknown }>;

/** What an optimizer remembers of one parameter. */
export type ParamState = Record<string, Tensor | number | Tensor[] | number[]>;

/** Computes the loss again, gradients included. */
export type Closure = () => Tensor | number;

/**
 * The base of all optimizers. A new one overrides {@link update} (one parameter at a time), {@link updateGroup} or `step`.
 * @throws TensorError for no parameters, for one in two groups, for a group without a required option, and for one that has an
 * option by its name in Python
 * @see https://pytorch.org/docs/stable/optim.html#torch.optim.Optimizer
 * @example
 * class SignSGD extends Optimizer {
 *   constructor(params: Iterable<Tensor>, lr: number) {
 *     super(params, { lr });
 *   }
 *   protected override update(param: Tensor, grad: Tensor, _state: unknown, group: { lr: number }): void {
 *     param.sub_(grad.sign(), { alpha: group.lr });
 *   }
 * }
 * new SignSGD(model.parameters(), 0.01).step();
 */
export abstract class Optimizer {
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly paramGroups: ParamGroup[] = [];
  readonly state: Map<Tensor, ParamState> = new Map();

  constructor(params: Params, defaults: Readonly<Record<string, unknown>>) {
    this.defaults = defaults;
    if (isTensor(params)) fail(this.constructor.name, "takes a list of parameters, got one tensor", "Pass [x]");
    if (typeof (params as Iterable<unknown>)?.[Symbol.iterator] !== "function") {
      fail(this.constructor.name, "takes a list of parameters, or of groups", "Pass model.parameters()");
    }
    const given = [...(params as Iterable<unknown>)];
    if (given.length === 0) fail(this.constructor.name, "got an empty list of parameters", "Pass model.parameters()");
    const groups = given.every(isTensor) ? [{ params: given }] : (given as { params: Tensor[] }[]);
    for (const group of groups) this.addParamGroup(group);
  }

  /** Adds parameters with options of their own; missing options are the defaults. */
  addParamGroup(group: { readonly params: Tensor | Iterable<Tensor>; readonly [option: string]: unknown }): void {
    if (typeof group !== "object" || group.params === undefined) {
      fail(
        this.constructor.name,
        `takes tensors, or groups { params, … }, got a ${typeof group}`,
        "Pass model.parameters()",
      );
    }
    const params = isTensor(group.params) ? [group.params] : [...group.params];
    for (const key of Object.keys(group)) {
      const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (name !== key && name in this.defaults) fail(this.constructor.name, `a group has ${key}`, `Call it ${name}`);
    }
    const known = new Set(this.paramGroups.flatMap((one) => one.params));
    for (const param of params) {
      if (!isTensor(param)) fail(this.constructor.name, "a parameter is no tensor");
      if (!param.isLeaf) fail(this.constructor.name, "a parameter is the result of an op", "Optimize leaves only");
      if (known.has(param)) fail(this.constructor.name, "a parameter is in two groups, or twice in one");
      known.add(param);
    }
    const given = Object.fromEntries(Object.entries(group).filter(([, value]) => value !== undefined));
    this.paramGroups.push({ ...this.defaults, ...given, params } as unknown as ParamGroup);
  }

  /** Drops the gradients, or fills them with zeros. @see https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html */
  zeroGrad(...args: ZeroGradArguments): void {
    for (const { params } of this.paramGroups) clearGradients(params, ...args);
  }

  /**
   * Changes the parameters by their gradients. Where memory runs out, each is as it was or wholly stepped, though what is
   * remembered of one may have taken its gradient already. All but LBFGS step a whole group or nothing of it where the device
   * has a kernel for their rule.
   * @returns what the closure gave, if there is one
   */
  step(closure?: Closure): Tensor | number | null {
    if (closure != null && typeof closure !== "function") {
      fail(
        this.constructor.name,
        "step takes a function that computes the loss, or nothing",
        "Call loss.backward() before",
      );
    }
    const loss = closure ? enableGrad(closure as () => never) : null;
    noGrad(() =>
      scope(() => {
        try {
          for (const group of this.paramGroups) this.updateGroup(group);
        } finally {
          keepTensors(this.state);
        }
      }),
    );
    return loss;
  }

  /** As PyTorch prints it, with the options that there are. */
  toString(): string {
    return print(this.constructor.name, this.paramGroups);
  }

  /** In PyTorch's structure and names. */
  stateDict(): OptimizerState {
    return exportState(this.paramGroups, this.state);
  }

  /** @throws TensorError when the groups do not match */
  loadStateDict(saved: OptimizerState): void {
    importState(this.constructor.name, saved, this.paramGroups, this.state);
  }

  /** Every parameter of the group that has a gradient. */
  protected updateGroup(group: ParamGroup): void {
    const sign = group["maximize"] ? -1 : 1;
    for (const param of group.params) {
      if (param.grad) this.update(param, sign < 0 ? param.grad.neg() : param.grad, this.stateOf(param), group);
    }
  }

  /** One parameter, in place, by one op that comes last; tensors that it puts into the state stay. Runs without recording, in a scope. */
  protected update(_param: Tensor, _grad: Tensor, _state: ParamState, _group: ParamGroup): void {
    fail(this.constructor.name, "has neither update, updateGroup nor step of its own");
  }

  /** What this optimizer keeps for a parameter; empty at first. */
  protected stateOf(param: Tensor): ParamState {
    let state = this.state.get(param);
    if (!state) this.state.set(param, (state = {}));
    return state;
  }
}

Object.defineProperty(Optimizer.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value: Optimizer.prototype.toString,
});

/** Lets what is remembered outlive the scope of a step, whoever made it. */
function keepTensors(state: ReadonlyMap<Tensor, ParamState>): void {
  for (const remembered of state.values()) {
    for (const value of Object.values(remembered).flat()) if (isTensor(value)) value.keep();
  }
}

/** Lists of parameters with gradients, as whole-list kernels take them. */
export function withGradients({ params }: ParamGroup): { params: Tensor[]; grads: Tensor[] } {
  const found = params.filter(({ grad }) => grad !== null);
  return { params: found, grads: found.map(({ grad }) => grad!) };
}
