/** ★ The optimizers' steps on one element, one row per rule, with the operations and their order as in PyTorch. */
import type { UpdateCall, UpdateRule } from "@dl/tensor";
import { add, div, max, mul, type Node, neg, sqrt, sub } from "./expression.ts";

type Attrs = UpdateCall["attrs"];

export interface Rule {
  /** Switches that choose the code. */
  readonly switches: readonly string[];
  /** Numbers that the code is given. */
  readonly numbers: (attrs: Attrs) => readonly number[];
  /** State tensors, after the parameter. */
  readonly states: (attrs: Attrs) => number;
  /** The parameter, the states, the gradient and the numbers to the new parameter and states. */
  readonly step: (
    is: Attrs,
    parameter: Node,
    states: readonly Node[],
    gradient: Node,
    numbers: readonly Node[],
  ) => Node[];
}

export const rules: { readonly [R in UpdateRule]: Rule } = {
  sgd: {
    switches: ["momentum", "nesterov", "weightDecay", "maximize", "firstStep"],
    numbers: ({ lr, momentum, dampening, weightDecay }) =>
      [lr, momentum, 1 - Number(dampening), weightDecay] as number[],
    states: ({ momentum }) => (momentum ? 1 : 0),
    step: (is, p, [buffer], gradient, [lr, momentum, undamped, decay]) => {
      const up = is["maximize"] ? neg(gradient) : gradient;
      const g = is["weightDecay"] ? add(up, mul(p, decay!)) : up;
      if (!is["momentum"]) return [sub(p, mul(g, lr!))];
      const next = is["firstStep"] ? g : add(mul(buffer!, momentum!), mul(g, undamped!));
      const direction = is["nesterov"] ? add(g, mul(next, momentum!)) : next;
      return [sub(p, mul(direction, lr!)), next];
    },
  },
  adam: {
    switches: ["weightDecay", "decoupled", "amsgrad", "maximize"],
    numbers: (attrs) => {
      const { lr, beta1, beta2, eps, weightDecay, step } = attrs as Readonly<Record<string, number>>;
      const [first, second] = [1 - beta1! ** step!, 1 - beta2! ** step!];
      return [
        lr! / first,
        1 - beta1!,
        beta2!,
        1 - beta2!,
        Math.sqrt(second),
        eps!,
        weightDecay!,
        1 - lr! * weightDecay!,
      ];
    },
    states: ({ amsgrad }) => (amsgrad ? 3 : 2),
    step: (is, p, [mean, square, most], gradient, [size, fresh1, keep2, fresh2, correction, eps, decay, shrink]) => {
      const up = is["maximize"] ? neg(gradient) : gradient;
      const coupled = is["weightDecay"] && !is["decoupled"];
      const g = coupled ? add(up, mul(p, decay!)) : up;
      const start = is["weightDecay"] && is["decoupled"] ? mul(p, shrink!) : p;
      const m = add(mean!, mul(sub(g, mean!), fresh1!));
      const v = add(mul(square!, keep2!), mul(mul(g, g), fresh2!));
      const top = is["amsgrad"] ? max(most!, v) : v;
      const next = sub(start, mul(div(m, add(div(sqrt(top), correction!), eps!)), size!));
      return is["amsgrad"] ? [next, m, v, top] : [next, m, v];
    },
  },
};
