/**
 * Reverse-mode differentiation for `@dl/tensor`. Importing it installs it: ops are recorded from then on.
 *
 * @packageDocumentation
 */
import { setRecorder } from "@dl/tensor";
import { tape } from "./tape.ts";

export { isAnomalyEnabled, setDetectAnomaly } from "./anomaly.ts";
export { type GradOptions, grad, hessian, jacobian, jvp, valueAndGrad, vjp } from "./functional.ts";
export { tape } from "./tape.ts";

setRecorder(tape);
