/** The recorder that fills the core's slot: hangs nodes on results, and keeps views' histories in step with what is written. */
import {
  type Attrs,
  type GradHook,
  isFloat,
  noGrad,
  type Op,
  type Operand,
  type Recorder,
  type Tensor,
} from "@dl/tensor";
import { backward } from "./backward.ts";
import { derivatives } from "./derivatives/index.ts";
import type { Rule } from "./derivatives/rule.ts";
import { alias, nodeOf, slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";
import { Operation, readsOf } from "./operation.ts";
import { CopySlices, viewAttrs } from "./slices.ts";

const ruleOf = <K extends Op>(op: K): Rule<K> => derivatives[op] as unknown as Rule<K>;

export const tape: Recorder = {
  record<K extends Op>(op: K, inputs: readonly Operand[], attrs: Attrs<K>, outputs: readonly Tensor[]): void {
    const rule = ruleOf(op);
    if (rule.wrt.length === 0) return;
    const node = new Operation(op, rule, inputs, attrs, outputs);
    outputs.forEach((output, i) => {
      if (isFloat(output.dtype)) hang(output, node, i);
    });
  },

  beforeInPlace<K extends Op>(op: K, inputs: readonly Operand[], target: Tensor): Tensor {
    const reads = readsOf(ruleOf(op), inputs);
    const needed = inputs.some((input, i) => input === target && (reads & (1 << i)) !== 0);
    if (!needed) return alias(target);
    const copy = noGrad(() => target.clone() as never) as Tensor;
    const node = nodeOf(target);
    if (node !== null) hang(copy, node, slotOf(target));
    return copy;
  },

  recordInPlace<K extends Op>(
    op: K,
    inputs: readonly Operand[],
    attrs: Attrs<K>,
    target: Tensor,
    before: Tensor,
  ): void {
    const targets = new Set(inputs.flatMap((input, i) => (input === before ? [i] : [])));
    const replaced = targets.size === 0 && before.requiresGrad ? before : undefined;
    if (replaced) targets.add(inputs.length);
    const write = new Operation(op, ruleOf(op), inputs, attrs, [target], target.storage, replaced);
    const { base } = target;
    if (base === null) {
      hang(target, write, 0);
      target.history++;
      return;
    }
    hang(base, new CopySlices(base, target, write as unknown as Operation<Op>, targets), 0);
    base.history++;
  },

  refreshView(view: Tensor): void {
    const base = view.base!;
    view.baseHistory = base.history;
    if (base.requiresGrad) tape.record("asStrided", [base], viewAttrs(view), [view]);
    else view.node = null;
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

  backward,
};

function hang(tensor: Tensor, node: Node, output: number): void {
  tensor.node = node;
  tensor.outputIndex = output;
}
