/** Anomaly mode: nodes remember where they were recorded, and backward stops at the first NaN. */
import { refusePromise, type Tensor, TensorError } from "@dl/tensor";
import type { Gradient } from "./derivatives/rule.ts";
import type { Node, Wanted } from "./node.ts";

let detecting = false;

/**
 * Makes backward name the recorded call whose gradient turned into NaN, or whose derivative failed, and where that call
 * was made. Slow.
 * @see https://pytorch.org/docs/stable/autograd.html#anomaly-detection
 */
export function setDetectAnomaly(enabled: boolean): void {
  detecting = enabled;
}

/** Whether backward looks for NaN. @see https://pytorch.org/docs/stable/autograd.html#torch.autograd.set_detect_anomaly */
export function isAnomalyEnabled(): boolean {
  return detecting;
}

/**
 * {@link setDetectAnomaly} for the time of a synchronous `body`, which holds the forward computation and the backward pass.
 * Without a body: a guard for `using _ = detectAnomaly()`.
 * @throws TensorError when `body` returns a promise
 * @see https://pytorch.org/docs/stable/autograd.html#torch.autograd.detect_anomaly
 */
export function detectAnomaly(): AnomalyGuard;
export function detectAnomaly<T>(body: () => T extends PromiseLike<unknown> ? never : T): T;
export function detectAnomaly<T>(body?: () => T): T | AnomalyGuard {
  const guard = new AnomalyGuard();
  if (!body) return guard;
  try {
    return refusePromise("detectAnomaly", body());
  } finally {
    guard[Symbol.dispose]();
  }
}

/** Anomaly mode until disposed. */
export class AnomalyGuard {
  readonly #before: boolean = detecting;
  constructor() {
    detecting = true;
  }
  [Symbol.dispose](): void {
    detecting = this.#before;
  }
}

/** V8 shows ten calls unless told otherwise: modules in modules need more. */
const engine = Error as ErrorConstructor & { stackTraceLimit?: number };

/** The stack of the call being recorded, in anomaly mode. */
export function trace(): string | undefined {
  if (!detecting) return undefined;
  const { stackTraceLimit: before } = engine;
  engine.stackTraceLimit = 100;
  const { stack } = new Error("recorded here");
  if (before !== undefined) engine.stackTraceLimit = before;
  return stack?.replace(/^Error: .*\n/, "");
}

/** @throws TensorError in anomaly mode, when `grad` holds a NaN */
export function refuseNaN(node: Node, input: number, grad: Tensor): void {
  if (!detecting || !grad.isnan().any().item()) return;
  throw new TensorError(`backward: ${node.name} gave NaN as the gradient of its input ${input}${origin(node)}`);
}

/** Runs the derivative of `node`; in anomaly mode, what it throws says where the call was made. */
export function differentiate(node: Node, grads: readonly (Tensor | null)[], wanted: Wanted): Gradient[] {
  if (!detecting) return node.backward(grads, wanted);
  try {
    return node.backward(grads, wanted);
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    throw new TensorError(error.message + origin(node), { cause: error });
  }
}

function origin({ trace }: Node): string {
  return trace ? `. It was recorded at\n${trace}` : "";
}
