/**
 * The recorder that `@dl/autograd` puts into the slot of `@dl/tensor`. It gives results their nodes, and tensors that
 * are written in place their new histories. `Recorder` documents the methods.
 */
import {
  type Attrs,
  type Derivative,
  type GradHook,
  isFloat,
  noGrad,
  type Op,
  type Operand,
  type Recorder,
  type Tensor,
} from "@dl/tensor";
import { afterPass, backward } from "./backward.ts";
import { derivatives } from "./derivatives/index.ts";
import type { Rule } from "./derivatives/rule.ts";
import { Given } from "./given.ts";
import { alias } from "./leaf.ts";
import type { Node } from "./node.ts";
import { Operation, readsOf } from "./operation.ts";
import { CopySlices, geometryOf } from "./slices.ts";

/** A Map, since looking up a name in an object with so many keys costs more than recording a call. */
const rules = new Map<string, unknown>(Object.entries(derivatives));

export const tape: Recorder = {
  /** If there are several outputs, only the first is differentiable; the others are positions. */
  record<K extends Op>(op: K, inputs: readonly Operand[], attrs: Attrs<K>, outputs: readonly Tensor[]): void {
    const rule = rules.get(op) as Rule<K>;
    const result = outputs[0]!;
    if (rule.wrt.length > 0 && isFloat(result.dtype)) result.node = new Operation(op, rule, inputs, attrs, outputs);
  },

  recordWith(
    derivative: Derivative,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    kept: readonly Tensor[],
  ): void {
    const node = new Given(derivative, inputs, outputs, kept);
    for (const output of outputs) {
      output.base = null;
      output.node = node;
    }
  },

  beforeInPlace<K extends Op>(op: K, inputs: readonly Operand[], attrs: Attrs<K>, target: Tensor): Tensor {
    const reads = readsOf(derivatives[op], inputs, attrs);
    const isLost = inputs.some((input, i) => input === target && (reads & (1 << i)) !== 0);
    const before = alias(target);
    if (!isLost) return before;
    const copy = noGrad(() => target.clone() as never) as Tensor;
    copy.node = before.node;
    copy.outputIndex = before.outputIndex;
    before.dispose();
    return copy;
  },

  recordInPlace<K extends Op>(
    op: K,
    inputs: readonly Operand[],
    attrs: Attrs<K>,
    target: Tensor,
    before: Tensor,
  ): void {
    if (!isFloat(target.dtype)) return;
    const { base, storage } = target;
    const replaced = base === null && !inputs.includes(before) ? before : undefined;
    const write = new Operation(op, derivatives[op], inputs, attrs, [target], storage, replaced);
    if (base === null) rebase(target, write);
    else {
      const targets = write.edges.filter((edge, i) => edge !== null && inputs[i] === before) as NonNullable<
        (typeof write.edges)[number]
      >[];
      rebase(base, new CopySlices(base, target, write, new Set(targets)));
    }
    (base ?? target).history++;
  },

  refreshView(view: Tensor): void {
    const base = view.base!;
    view.baseHistory = base.history;
    const { asStrided } = derivatives;
    rebase(view, base.requiresGrad ? new Operation("asStrided", asStrided, [base], geometryOf(view), [view]) : null);
  },

  hooksOf(tensor: Tensor): GradHook[] {
    const node = tensor.node as Node | null;
    if (node === null) return (tensor.hooks ??= []);
    const lists = (node.hooks ??= []);
    return (lists[tensor.outputIndex] ??= []);
  },

  retainGrad(tensor: Tensor): void {
    const node = tensor.node as Node | null;
    if (node !== null) (node.retaining ??= [])[tensor.outputIndex] = tensor;
  },

  afterPass,
  backward,
};

/**
 * Gives a tensor a new history. Its hooks stay with the old values; `retainGrad` moves on to the new ones, as in
 * PyTorch.
 */
function rebase(tensor: Tensor, node: Node | null): void {
  const before = tensor.node as Node | null;
  if (tensor.retainsGrad && before?.retaining) before.retaining[tensor.outputIndex] = undefined;
  tensor.node = node;
  tensor.outputIndex = 0;
  if (tensor.retainsGrad) tape.retainGrad(tensor);
}
