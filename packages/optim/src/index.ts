/**
 * Optimizers and learning-rate schedules.
 *
 * @packageDocumentation
 */
export { Adam, AdamW } from "./adam.ts";
export { Adadelta, Adagrad, Adamax, NAdam, RAdam, RMSprop } from "./adaptive.ts";
export { ASGD, Rprop } from "./averaged.ts";
export { LBFGS } from "./lbfgs.ts";
export * as lrScheduler from "./lr-scheduler/index.ts";
export { type Closure, Optimizer, type ParamGroup, type ParamState, type Params } from "./optimizer.ts";
export type { Betas } from "./options.ts";
export { SGD } from "./sgd.ts";
export type { OptimizerState } from "./state-dict.ts";
