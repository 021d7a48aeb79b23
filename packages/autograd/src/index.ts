/**
 * Reverse-mode differentiation for `@dl/tensor`. Importing it switches it on: operations are recorded from then on.
 *
 * @packageDocumentation
 */
import { setRecorder } from "@dl/tensor";
import { tape } from "./tape.ts";

export { AnomalyGuard, detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from "./anomaly.ts";
export { backward } from "./backward.ts";
export { checkpoint } from "./checkpoint.ts";
export { customFunction, type FunctionContext, type FunctionSpec } from "./custom.ts";
export { type FunctionalOptions, hessian, hvp, jacobian, jvp, type Like, valueAndGrad, vjp } from "./functional.ts";
export { type GradOptions, grad, type OneOrMore } from "./grad.ts";
export { type GradcheckOptions, gradcheck, gradgradcheck } from "./gradcheck.ts";
export { tape } from "./tape.ts";

setRecorder(tape);
