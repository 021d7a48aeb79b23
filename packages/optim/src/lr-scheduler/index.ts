export { LRScheduler, type SchedulerState } from "./base.ts";
export { ChainedScheduler, SequentialLR } from "./combined.ts";
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from "./cosine.ts";
export { CyclicLR } from "./cyclic.ts";
export { OneCycleLR } from "./one-cycle.ts";
export { ReduceLROnPlateau } from "./plateau.ts";
export {
  ConstantLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  type LrLambda,
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  StepLR,
} from "./simple.ts";
