import { type Arguments, cat, enableGrad, fail, noGrad, readArguments, scope, type Tensor, zeros } from "@dl/tensor";
import { type SearchResult, strongWolfe, type Trial } from "./line-search.ts";
import { type Closure, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";
import { checkOptions, type Settings } from "./options.ts";

const names = [
  "params",
  "lr",
  "maxIter",
  "maxEval",
  "toleranceGrad",
  "toleranceChange",
  "historySize",
  "lineSearchFn",
] as const;
export type LBFGSArguments = [
  params: Params,
  lr?: number,
  maxIter?: number,
  maxEval?: number | null,
  toleranceGrad?: number,
  toleranceChange?: number,
  historySize?: number,
  lineSearchFn?: "strong_wolfe" | null,
];

/** What passes from step to step, under PyTorch's names in camelCase. */
interface Memory {
  funcEvals: number;
  nIter: number;
  /** The last direction, and how far it was gone. */
  d?: Tensor;
  t?: number;
  /** Changes of the gradient and of the parameters, oldest first, and 1 / their products. */
  oldDirs?: Tensor[];
  oldStps?: Tensor[];
  ro?: number[];
  HDiag?: number;
  prevFlatGrad?: Tensor;
  prevLoss?: number;
}

/** Unrecorded, with intermediate results freed. */
function quiet<T>(body: () => T): T {
  return noGrad(() => scope(body as () => never)) as T;
}

/**
 * Limited-memory BFGS: directions from the last changes of the gradient, over all parameters as one vector. Each step
 * computes the loss several times, so it needs a closure; there can be one group only.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
 * @example
 * const optimizer = new LBFGS(model.parameters());
 * const [x, y] = [rand(8, 4), rand(8, 2)];
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = new MSELoss()(model(x), y);
 *   loss.backward();
 *   return loss;
 * });
 */
export class LBFGS extends Optimizer {
  static readonly names: typeof names = names;

  constructor(...args: Arguments<typeof names, LBFGSArguments>) {
    const [
      params,
      lr = 1,
      maxIter = 20,
      maxEval,
      toleranceGrad = 1e-7,
      toleranceChange = 1e-9,
      historySize = 100,
      lineSearchFn = null,
    ] = readArguments<LBFGSArguments>(LBFGS, args);
    if (lineSearchFn !== null && lineSearchFn !== "strong_wolfe") {
      fail("LBFGS", `unknown lineSearchFn "${lineSearchFn as string}"`, 'Use "strong_wolfe" or null');
    }
    const evaluations = maxEval ?? Math.floor((maxIter * 5) / 4);
    const options = { lr, maxIter, maxEval: evaluations, toleranceGrad, toleranceChange, historySize, lineSearchFn };
    super(params, checkOptions("LBFGS", options));
    if (this.paramGroups.length !== 1) fail("LBFGS", `takes one group of parameters, got ${this.paramGroups.length}`);
  }

  get #group(): Settings<typeof names, LBFGSArguments> {
    return this.paramGroups[0] as ParamGroup as Settings<typeof names, LBFGSArguments>;
  }

  /** @returns the loss before the step */
  override step(closure?: Closure): Tensor | number {
    if (!closure) return fail("LBFGS", "step needs a closure that computes the loss and its gradients");
    const { maxIter, maxEval, toleranceGrad, toleranceChange } = this.#group;
    const memory = this.stateOf(this.#group.params[0]!) as unknown as Memory;
    Object.assign(memory, { funcEvals: memory.funcEvals ?? 0, nIter: memory.nIter ?? 0 });
    const first = enableGrad(closure as () => never) as Tensor | number;
    let evaluations = 1;
    memory.funcEvals++;
    let [loss, grad] = [numberOf(first), this.#gradient()];
    for (let round = 1; round <= maxIter && largest(grad) > toleranceGrad; round++) {
      memory.nIter++;
      const before = loss;
      this.#turn(memory, grad, loss);
      const slope = quiet(() => grad.dot(memory.d!).item());
      if (slope > -toleranceChange) break;
      const last = round === maxIter;
      const { trial, evaluations: more } = this.#move(memory, { t: 0, loss, grad, slope }, closure, last);
      evaluations += more;
      memory.funcEvals += more;
      [loss, grad] = [trial.loss, trial.grad];
      const change = quiet(() => largest(memory.d!) * memory.t!);
      if (last || evaluations >= maxEval! || change <= toleranceChange || Math.abs(loss - before) < toleranceChange)
        break;
    }
    return first;
  }

  /** The next direction and first step length, from this gradient and those before. */
  #turn(memory: Memory, grad: Tensor, loss: number): void {
    const { lr, historySize } = this.#group;
    if (memory.nIter === 1) {
      Object.assign(memory, { d: quiet(() => grad.neg()).keep(), oldDirs: [], oldStps: [], ro: [], HDiag: 1 });
      memory.t = Math.min(1, 1 / quiet(() => grad.abs().sum().item())) * lr;
    } else {
      this.#remember(memory, grad, historySize);
      const direction = quiet(() => newDirection(memory, grad)).keep();
      memory.d!.dispose();
      memory.d = direction;
      memory.t = lr;
    }
    memory.prevFlatGrad?.dispose();
    memory.prevFlatGrad = quiet(() => grad.clone()).keep();
    memory.prevLoss = loss;
  }

  #remember(memory: Memory, grad: Tensor, historySize: number): void {
    const { oldDirs, oldStps, ro } = memory as Required<Memory>;
    const change = quiet(() => grad.sub(memory.prevFlatGrad!)).keep();
    const step = quiet(() => memory.d!.mul(memory.t!)).keep();
    const product = quiet(() => change.dot(step).item());
    if (product <= 1e-10) {
      change.dispose();
      step.dispose();
      return;
    }
    if (oldDirs.length === historySize) {
      oldDirs.shift()!.dispose();
      oldStps.shift()!.dispose();
      ro.shift();
    }
    oldDirs.push(change);
    oldStps.push(step);
    ro.push(1 / product);
    memory.HDiag = product / quiet(() => change.dot(change).item());
  }

  /** Goes along the direction: a fixed length, or what a line search finds. */
  #move(memory: Memory, start: Trial, closure: Closure, last: boolean): SearchResult {
    const direction = memory.d!;
    if (this.#group.lineSearchFn === null) {
      this.#shift(direction, memory.t!);
      // The last gradient would not be used.
      if (last) return { trial: { ...start, t: memory.t! }, evaluations: 0 };
      return { trial: this.#evaluate(closure, memory.t!, direction), evaluations: 1 };
    }
    const origin = quiet(() => this.#group.params.map((param) => param.clone()));
    const evaluate = (t: number): Trial => {
      this.#shift(direction, t);
      try {
        return this.#evaluate(closure, t, direction);
      } finally {
        quiet(() => this.#group.params.forEach((param, i) => void param.copy_(origin[i]!)));
      }
    };
    const found = strongWolfe(evaluate, start, memory.t!, largest(direction), this.#group.toleranceChange);
    memory.t = found.trial.t;
    this.#shift(direction, memory.t);
    return found;
  }

  #evaluate(closure: Closure, t: number, direction: Tensor): Trial {
    const loss = numberOf(enableGrad(closure as () => never));
    const grad = this.#gradient();
    return { t, loss, grad, slope: quiet(() => grad.dot(direction).item()) };
  }

  #gradient(): Tensor {
    const flat = (param: Tensor): Tensor =>
      param.grad?.reshape(-1) ?? zeros([param.numel()], { dtype: param.dtype as "float32", device: param.device });
    return quiet(() => cat(this.#group.params.map(flat)));
  }

  /** Adds `t` times the direction to the parameters. */
  #shift(direction: Tensor, t: number): void {
    quiet(() => {
      let start = 0;
      for (const param of this.#group.params) {
        const length = param.numel();
        param.add_(direction.narrow(0, start, length).view(param.shape), { alpha: t });
        start += length;
      }
    });
  }
}

/** The two-loop recursion: the inverse Hessian's approximation times −gradient. */
function newDirection({ oldDirs, oldStps, ro, HDiag }: Memory, grad: Tensor): Tensor {
  const shares: number[] = [];
  let q = grad.neg();
  for (let i = oldDirs!.length - 1; i >= 0; i--) {
    shares[i] = oldStps![i]!.dot(q).item() * ro![i]!;
    q = q.sub(oldDirs![i]!, { alpha: shares[i]! });
  }
  let r = q.mul(HDiag!);
  for (let i = 0; i < oldDirs!.length; i++) {
    const share = oldDirs![i]!.dot(r).item() * ro![i]!;
    r = r.add(oldStps![i]!, { alpha: shares[i]! - share });
  }
  return r;
}

function largest(x: Tensor): number {
  return quiet(() => x.abs().amax().item());
}

function numberOf(loss: Tensor | number): number {
  return typeof loss === "number" ? loss : loss.item();
}
