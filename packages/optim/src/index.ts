/**
 * Optimizers and learning-rate schedules.
 *
 * @packageDocumentation
 */
export { Adam, type AdamArguments, AdamW } from "./adam.ts";
export {
  Adadelta,
  type AdadeltaArguments,
  Adagrad,
  type AdagradArguments,
  Adamax,
  type AdamaxArguments,
  NAdam,
  type NAdamArguments,
  RAdam,
  type RAdamArguments,
  RMSprop,
  type RMSpropArguments,
} from "./adaptive.ts";
export { ASGD, type ASGDArguments, Rprop, type RpropArguments } from "./averaged.ts";
export { LBFGS, type LBFGSArguments } from "./lbfgs.ts";
export * as lrScheduler from "./lr-scheduler/index.ts";
export { type Closure, Optimizer, type ParamGroup, type ParamState, type Params } from "./optimizer.ts";
export type { Betas } from "./options.ts";
export { SGD, type SGDArguments } from "./sgd.ts";
export type { OptimizerState } from "./state-dict.ts";
