/**
 * ★ The optimizers' steps on one element, one row per rule, as in PyTorch; what is the same for all elements comes as a
 * factor, since divisions are slow.
 */
import type { UpdateCall, UpdateRule } from "@dl/tensor";
import {
  abs,
  add,
  constant,
  div,
  gt,
  lt,
  max,
  mul,
  type Node,
  neg,
  pmax,
  pmin,
  select,
  sqrt,
  square,
  sub,
} from "./expression.ts";

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

type Numbers = Readonly<Record<string, number>>;

/** The gradient, reversed to maximize, with weight decay. */
function directionOf(is: Attrs, p: Node, gradient: Node, decay: Node): Node {
  const up = is["maximize"] ? neg(gradient) : gradient;
  return is["weightDecay"] ? add(up, mul(p, decay)) : up;
}

/** A running mean. */
const running = (mean: Node, kept: Node, value: Node, fresh: Node): Node => add(mul(mean, kept), mul(value, fresh));

const switches = ["weightDecay", "maximize"] as const;

export const rules: { readonly [R in UpdateRule]: Rule } = {
  sgd: {
    switches: ["momentum", "nesterov", "weightDecay", "maximize", "firstStep"],
    numbers: ({ lr, momentum, dampening, weightDecay }) =>
      [lr, momentum, 1 - Number(dampening), weightDecay] as number[],
    states: ({ momentum }) => (momentum ? 1 : 0),
    step: (is, p, [buffer], gradient, [lr, momentum, undamped, decay]) => {
      const g = directionOf(is, p, gradient, decay!);
      if (!is["momentum"]) return [sub(p, mul(g, lr!))];
      const next = is["firstStep"] ? g : add(mul(buffer!, momentum!), mul(g, undamped!));
      const direction = is["nesterov"] ? add(g, mul(next, momentum!)) : next;
      return [sub(p, mul(direction, lr!)), next];
    },
  },
  asgd: {
    switches: [...switches, "averages"],
    numbers: ({ eta, shrink, mu, weightDecay }) => [eta, weightDecay, shrink, mu] as number[],
    states: () => 1,
    step: (is, p, [average], gradient, [eta, decay, shrink, mu]) => {
      const next = sub(mul(p, shrink!), mul(directionOf(is, p, gradient, decay!), eta!));
      return [next, is["averages"] ? add(average!, mul(sub(next, average!), mu!)) : next];
    },
  },
  rprop: {
    switches: ["maximize"],
    numbers: ({ slower, faster, least, most }) => [slower, faster, least, most] as number[],
    states: () => 2,
    step: (is, p, [before, size], gradient, [slower, faster, least, most]) => {
      const g = is["maximize"] ? neg(gradient) : gradient;
      const agreement = mul(g, before!);
      const turned = lt(agreement, 0);
      const factor = select(gt(agreement, 0), faster!, select(turned, slower!, constant(g.type, 1)));
      const next = pmin(most!, pmax(least!, mul(size!, factor)));
      const used = select(turned, constant(g.type, 0), g);
      const move = sub(select(gt(used, 0), next, 0), select(lt(used, 0), next, 0));
      return [sub(p, move), used, next];
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
        1 / Math.sqrt(second),
        eps!,
        weightDecay!,
        1 - lr! * weightDecay!,
      ];
    },
    states: ({ amsgrad }) => (amsgrad ? 3 : 2),
    step: (is, p, [mean, square, most], gradient, [size, fresh1, keep2, fresh2, correction, eps, decay, shrink]) => {
      const g = directionOf(is["decoupled"] ? { ...is, weightDecay: 0 } : is, p, gradient, decay!);
      const start = is["weightDecay"] && is["decoupled"] ? mul(p, shrink!) : p;
      const m = add(mean!, mul(sub(g, mean!), fresh1!));
      const v = add(mul(square!, keep2!), mul(mul(g, g), fresh2!));
      const top = is["amsgrad"] ? max(most!, v) : v;
      const next = sub(start, mul(div(m, add(mul(sqrt(top), correction!), eps!)), size!));
      return is["amsgrad"] ? [next, m, v, top] : [next, m, v];
    },
  },
  rmsprop: {
    switches: [...switches, "centered", "momentum"],
    numbers: (attrs) => {
      const { lr, alpha, eps, weightDecay, momentum } = attrs as Numbers;
      return [lr!, weightDecay!, alpha!, 1 - alpha!, eps!, momentum!];
    },
    states: ({ centered, momentum }) => 1 + Number(Boolean(centered)) + Number(Boolean(momentum)),
    step: (is, p, states, gradient, [lr, decay, kept, fresh, eps, momentum]) => {
      const g = directionOf(is, p, gradient, decay!);
      const squares = running(states[0]!, kept!, square(g), fresh!);
      const means = is["centered"] ? [running(states[1]!, kept!, g, fresh!)] : [];
      const spread = means.reduce((all, mean) => sub(all, square(mean)), squares);
      const ratio = div(g, add(sqrt(spread), eps!));
      const move = is["momentum"] ? add(mul(states.at(-1)!, momentum!), ratio) : ratio;
      return [sub(p, mul(move, lr!)), squares, ...means, ...(is["momentum"] ? [move] : [])];
    },
  },
  adagrad: {
    switches,
    numbers: ({ lr, eps, weightDecay }) => [lr, weightDecay, eps] as number[],
    states: () => 1,
    step: (is, p, [sum], gradient, [lr, decay, eps]) => {
      const g = directionOf(is, p, gradient, decay!);
      const next = add(sum!, square(g));
      return [sub(p, mul(div(g, add(sqrt(next), eps!)), lr!)), next];
    },
  },
  adadelta: {
    switches,
    numbers: (attrs) => {
      const { lr, rho, eps, weightDecay } = attrs as Numbers;
      return [lr!, weightDecay!, rho!, 1 - rho!, eps!];
    },
    states: () => 2,
    step: (is, p, [square0, moves], gradient, [lr, decay, kept, fresh, eps]) => {
      const g = directionOf(is, p, gradient, decay!);
      const squares = running(square0!, kept!, square(g), fresh!);
      const move = mul(sqrt(div(add(moves!, eps!), add(squares, eps!))), g);
      return [sub(p, mul(move, lr!)), squares, running(moves!, kept!, square(move), fresh!)];
    },
  },
  adamax: {
    switches,
    numbers: (attrs) => {
      const { rate, beta1, beta2, eps, weightDecay } = attrs as Numbers;
      return [rate!, weightDecay!, beta1!, 1 - beta1!, beta2!, eps!];
    },
    states: () => 2,
    step: (is, p, [mean, most], gradient, [rate, decay, kept, fresh, keptMost, eps]) => {
      const g = directionOf(is, p, gradient, decay!);
      const m = running(mean!, kept!, g, fresh!);
      const top = max(mul(most!, keptMost!), add(abs(g), eps!));
      return [sub(p, mul(div(m, top), rate!)), m, top];
    },
  },
  nadam: {
    switches,
    numbers: (attrs) => {
      const { gradientRate, meanRate, beta1, beta2, correction, eps, weightDecay } = attrs as Numbers;
      return [gradientRate!, weightDecay!, meanRate!, beta1!, 1 - beta1!, beta2!, 1 - beta2!, 1 / correction!, eps!];
    },
    states: () => 2,
    step: (is, p, [mean, squares], gradient, numbers) => {
      const [gradientRate, decay, meanRate, kept1, fresh1, kept2, fresh2, correction, eps] = numbers;
      const g = directionOf(is, p, gradient, decay!);
      const m = running(mean!, kept1!, g, fresh1!);
      const v = running(squares!, kept2!, square(g), fresh2!);
      const size = add(sqrt(mul(v, correction!)), eps!);
      return [sub(p, div(add(mul(g, gradientRate!), mul(m, meanRate!)), size)), m, v];
    },
  },
  radam: {
    switches: [...switches, "rectified"],
    numbers: (attrs) => {
      const { rate, beta1, beta2, eps, weightDecay } = attrs as Numbers;
      return [rate!, weightDecay!, beta1!, 1 - beta1!, beta2!, 1 - beta2!, eps!];
    },
    states: () => 2,
    step: (is, p, [mean, squares], gradient, [rate, decay, kept1, fresh1, kept2, fresh2, eps]) => {
      const g = directionOf(is, p, gradient, decay!);
      const m = running(mean!, kept1!, g, fresh1!);
      const v = running(squares!, kept2!, square(g), fresh2!);
      return [sub(p, mul(is["rectified"] ? div(m, add(sqrt(v), eps!)) : m, rate!)), m, v];
    },
  },
};
