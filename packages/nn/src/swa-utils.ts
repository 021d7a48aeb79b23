/**
 * Averages of weights over training, PyTorch's `torch.optim.swa_utils`; the schedule that goes with them is that of
 * `@dl/optim`. They are here since they are modules, which optimizers know nothing of.
 */
import {
  type Arguments,
  fail,
  isFloat,
  isTensor,
  noGrad,
  readArguments,
  sameShape,
  scope,
  showShape,
  type Tensor,
  tensor,
} from "@dl/tensor";
import { deepcopy } from "./deepcopy.ts";
import { BatchNorm } from "./layers/normalization.ts";
import { Module } from "./module.ts";

/** The new average of one tensor, from the average so far, the model's tensor, and how often it was averaged. */
export type AvgFn = (averaged: Tensor, current: Tensor, numAveraged: number) => Tensor;
/** The same for all tensors, by writing into those of the first list. */
export type MultiAvgFn = (averaged: readonly Tensor[], current: readonly Tensor[], numAveraged: number) => void;

/** What moves an average towards a value. Whole numbers, such as counts, are cut off, as in PyTorch. */
function towards(averaged: Tensor, current: Tensor, share: number): Tensor {
  if (isFloat(averaged.dtype)) return averaged.lerp(current, share);
  return averaged.to("float32").lerp(current.to("float32"), share);
}

function checkDecay(op: string, decay: number): void {
  if (!(decay >= 0 && decay <= 1)) fail(op, `decay must lie in [0, 1], got ${decay}`);
}

const each =
  (average: AvgFn): MultiAvgFn =>
  (averaged, current, numAveraged) => {
    averaged.forEach((x, i) => void scope(() => void x.copy_(average(x, current[i]!, numAveraged))));
  };

/**
 * For {@link AveragedModel}: the mean of all updates, its `avgFn` unless another is given.
 * @example swaUtils.getSwaAvgFn()(floatTensor([2]), floatTensor([5]), 2); // tensor([3.])
 */
export const getSwaAvgFn = (): AvgFn => (averaged, current, numAveraged) =>
  towards(averaged, current, 1 / (numAveraged + 1));

/** {@link getSwaAvgFn} as a `multiAvgFn`. @example new swaUtils.AveragedModel(model, { multiAvgFn: swaUtils.getSwaMultiAvgFn() }); */
export const getSwaMultiAvgFn = (): MultiAvgFn => each(getSwaAvgFn());

/**
 * For {@link AveragedModel}: decay · average + (1 − decay) · current, an exponential moving average.
 * @throws TensorError for a decay outside [0, 1]
 * @example swaUtils.getEmaAvgFn(0.75)(floatTensor([2]), floatTensor([6]), 2); // tensor([3.])
 */
export function getEmaAvgFn(decay: number = 0.999): AvgFn {
  checkDecay("getEmaAvgFn", decay);
  return (averaged, current) => towards(averaged, current, 1 - decay);
}

/**
 * {@link getEmaAvgFn} as a `multiAvgFn`.
 * @throws TensorError for a decay outside [0, 1]
 * @example new swaUtils.AveragedModel(model, { multiAvgFn: swaUtils.getEmaMultiAvgFn(0.99) });
 */
export function getEmaMultiAvgFn(decay: number = 0.999): MultiAvgFn {
  checkDecay("getEmaMultiAvgFn", decay);
  return each(getEmaAvgFn(decay));
}

export type AveragedModelArguments<M extends Module> = [
  model: M,
  device?: string | null,
  avgFn?: AvgFn | null,
  multiAvgFn?: MultiAvgFn | null,
  useBuffers?: boolean,
];
const averagedNames = ["model", "device", "avgFn", "multiAvgFn", "useBuffers"] as const;

/**
 * A copy of a model whose parameters are averages of the model's over all calls of {@link AveragedModel.updateParameters}:
 * their mean, or what `avgFn` or `multiAvgFn` make of them. Buffers are averaged too with `useBuffers`; otherwise they are
 * those of the model at the last update, or what {@link updateBn} makes them. Calling it calls the copy. In the state dict
 * are `n_averaged`, the number of updates, and `module.…`.
 * @throws TensorError for both functions
 * @see https://pytorch.org/docs/stable/optim.html#torch.optim.swa_utils.AveragedModel
 * @see https://arxiv.org/abs/1803.05407 (Izmailov et al., 2018)
 * @example
 * const averaged = new swaUtils.AveragedModel(model, { multiAvgFn: swaUtils.getEmaMultiAvgFn(0.99) });
 * model(rand(3, 4)).sum().backward();
 * optimizer.step();
 * averaged.updateParameters(model); // after each step
 * averaged.eval()(rand(3, 4)).shape; // [3, 2]
 */
export class AveragedModel<M extends Module = Module> extends Module<
  Parameters<M["forward"]>,
  ReturnType<M["forward"]>
> {
  static readonly names: typeof averagedNames = averagedNames;
  readonly module: M;
  readonly avgFn: AvgFn | null;
  readonly multiAvgFn: MultiAvgFn | null;
  readonly useBuffers: boolean;
  declare nAveraged: Tensor;

  constructor(...args: Arguments<typeof averagedNames, AveragedModelArguments<M>>) {
    super();
    const owner = { name: "AveragedModel", names: averagedNames };
    const [model, device, avgFn = null, multiAvgFn = null, useBuffers = false] = readArguments<
      AveragedModelArguments<M>
    >(owner, args);
    if (!((model as unknown) instanceof Module)) fail("AveragedModel", "the first argument is the model", "Pass it");
    if (avgFn && multiAvgFn) fail("AveragedModel", "got both avgFn and multiAvgFn", "Leave one out");
    this.module = deepcopy(model);
    if (device) this.module.to({ device });
    // On the CPU wherever the model is, since it is read at each update.
    this.registerBuffer("nAveraged", tensor(0));
    this.avgFn = avgFn;
    this.multiAvgFn = multiAvgFn;
    this.useBuffers = useBuffers;
  }

  forward(...input: Parameters<M["forward"]>): ReturnType<M["forward"]> {
    return this.module(...input);
  }

  /**
   * Takes the model's parameters into the averages; the first time they are the averages.
   * @throws TensorError for a model with other parameters than the one that was copied; nothing is changed then
   */
  updateParameters(model: Module): void {
    const parameters = pairs(this.module.parameters(), model.parameters(), "parameters");
    const buffers = pairs(this.module.buffers(), model.buffers(), "buffers");
    const count = this.nAveraged.item() as number;
    const average = this.multiAvgFn ?? each(this.avgFn ?? getSwaAvgFn());
    const averaged = count === 0 ? [] : this.useBuffers ? [...parameters, ...buffers] : parameters;
    const copied = [...parameters, ...buffers].slice(averaged.length);
    noGrad(() => {
      if (averaged.length > 0)
        average(
          averaged.map(([x]) => x),
          averaged.map(([, x]) => x),
          count,
        );
      for (const [x, current] of copied) x.copy_(current);
      this.nAveraged.add_(1);
    });
  }
}

/** Tensors of both lists, without histories, on the device of the first. @throws TensorError unless they are alike */
function pairs(
  averaged: readonly Tensor[],
  current: readonly Tensor[],
  what: string,
): [averaged: Tensor, current: Tensor][] {
  const text = (list: readonly Tensor[]): string => list.map(({ shape }) => showShape(shape)).join(", ");
  if (averaged.length !== current.length || averaged.some(({ shape }, i) => !sameShape(shape, current[i]!.shape))) {
    const problem = `the average has ${what} ${text(averaged)}, the model ${text(current)}`;
    fail("updateParameters", problem, "Pass the model that was given to the constructor");
  }
  return averaged.map((x, i) => [x.detach(), noGrad(() => current[i]!.detach().to({ device: x.device }))]);
}

/** Batches: inputs, or lists that begin with the input. */
type Loader = AsyncIterable<Tensor | readonly unknown[]> | Iterable<Tensor | readonly unknown[]>;

const updateCall = { name: "updateBn", names: ["loader", "model", "device"] } as const;

/**
 * Computes the running moments of all batch norms anew, as means over the batches of a loader: an average of weights has
 * others than the models that it is made of. A batch is the input, or a list that begins with it. Modes stay as they are.
 * @see https://pytorch.org/docs/stable/optim.html#torch.optim.swa_utils.update_bn
 * @example
 * const net = new Sequential(new Linear(4, 4), new BatchNorm1d(4));
 * const averaged = new swaUtils.AveragedModel(net);
 * await swaUtils.updateBn([rand(8, 4), rand(8, 4)], averaged);
 */
export async function updateBn(
  ...args: Arguments<typeof updateCall.names, [loader: Loader, model: Module, device?: string | null]>
): Promise<void> {
  const [loader, model, device] = readArguments<[Loader, Module, (string | null)?]>(updateCall, args);
  const norms = model.modules().filter((module) => module instanceof BatchNorm);
  if (norms.length === 0) return;
  const modes = model.modules().map((module) => [module, module.training] as const);
  const momenta = norms.map(({ momentum }) => momentum);
  const setMomenta = (momentumOf: (i: number) => number | null): void =>
    norms.forEach((norm, i) => void Object.assign(norm, { momentum: momentumOf(i) }));
  for (const norm of norms) norm.resetRunningStats();
  model.train();
  setMomenta(() => null);
  try {
    for await (const batch of loader) runBatch(batch, model, device);
  } finally {
    setMomenta((i) => momenta[i]!);
    for (const [module, training] of modes) module.training = training;
  }
}

function runBatch(batch: Tensor | readonly unknown[], model: Module, device: string | null | undefined): void {
  const input = isTensor(batch) ? batch : batch[0];
  if (!isTensor(input)) fail("updateBn", "a batch is a tensor, or a list that begins with one", "Check the loader");
  noGrad(() => scope(() => void model(device ? input.to({ device }) : input)));
}
