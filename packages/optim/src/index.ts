/**
 * Optimizers and learning-rate schedules.
 *
 * @packageDocumentation
 */
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export {
  Adadelta,
  type AdadeltaOptions,
  Adagrad,
  type AdagradOptions,
  Adamax,
  type AdamaxOptions,
  NAdam,
  type NAdamOptions,
  RAdam,
  RMSprop,
  type RMSpropOptions,
} from "./adaptive.ts";
export { ASGD, type ASGDOptions, Rprop, type RpropOptions } from "./averaged.ts";
export * as lrScheduler from "./lr-scheduler/index.ts";
export { type Closure, Optimizer, type ParamGroup, type Params, type ParamState } from "./optimizer.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
export type { OptimizerState } from "./state-dict.ts";
