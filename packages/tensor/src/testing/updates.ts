/**
 * ★ What each optimizer's rule makes of one element, as PyTorch documents it, and the attributes that every backend's kernel
 * is tried with: a row per rule.
 */
import type { UpdateCall, UpdateRule } from "../backend.ts";

type Attrs = UpdateCall["attrs"];
type Numbers = Readonly<Record<string, number>>;

export interface UpdateCase {
  /** How many numbers are remembered of an element. */
  readonly states: (attrs: Attrs) => number;
  /** The parameter, its gradient and what is remembered to the new parameter and what is remembered then. */
  readonly step: (p: number, gradient: number, states: readonly number[], attrs: Attrs) => number[];
  readonly attrs: readonly Attrs[];
}

/** All combinations of some values for each name. */
function combinations(choices: Readonly<Record<string, readonly (number | boolean)[]>>): Attrs[] {
  let found: Attrs[] = [{}];
  for (const [name, values] of Object.entries(choices)) {
    found = found.flatMap((attrs) => values.map((value) => ({ ...attrs, [name]: value })));
  }
  return found;
}

const flag = [false, true];
const shared = { eps: [1e-8], weightDecay: [0, 0.1], maximize: flag };
const betas = { beta1: [0.9], beta2: [0.99], ...shared };
const has = (attrs: Attrs, name: string): number => Number(Boolean(attrs[name]));

function directionOf(p: number, gradient: number, { weightDecay, maximize }: Attrs): number {
  return (maximize ? -gradient : gradient) + Number(weightDecay) * p;
}

function momentsOf(g: number, [mean, square]: readonly number[], attrs: Attrs): [mean: number, square: number] {
  const { beta1, beta2 } = attrs as Numbers;
  return [beta1! * mean! + (1 - beta1!) * g, beta2! * square! + (1 - beta2!) * g * g];
}

export const updateCases: { readonly [R in UpdateRule]: UpdateCase } = {
  sgd: {
    states: (attrs) => has(attrs, "momentum"),
    step: (p, gradient, [buffer], attrs) => {
      const { lr, momentum, dampening } = attrs as Numbers;
      const g = directionOf(p, gradient, attrs);
      if (momentum === 0) return [p - lr! * g];
      const b = attrs["firstStep"] ? g : momentum! * buffer! + (1 - dampening!) * g;
      return [p - lr! * (attrs["nesterov"] ? g + momentum! * b : b), b];
    },
    attrs: combinations({
      lr: [0.1],
      momentum: [0, 0.9],
      dampening: [0, 0.5],
      nesterov: flag,
      weightDecay: [0, 0.01],
      maximize: flag,
      firstStep: flag,
    }),
  },
  asgd: {
    states: () => 1,
    step: (p, gradient, [average], attrs) => {
      const { eta, shrink, mu } = attrs as Numbers;
      const next = shrink! * p - eta! * directionOf(p, gradient, attrs);
      return [next, attrs["averages"] ? average! + mu! * (next - average!) : next];
    },
    attrs: combinations({ eta: [0.1], shrink: [0.99], mu: [0.3], averages: flag, ...shared }),
  },
  rprop: {
    states: () => 2,
    step: (p, gradient, [before, size], { slower, faster, least, most, maximize }) => {
      const g = maximize ? -gradient : gradient;
      const factor = g * before! > 0 ? faster : g * before! < 0 ? slower : 1;
      const next = Math.min(Number(most), Math.max(Number(least), size! * Number(factor)));
      const used = g * before! < 0 ? 0 : g;
      return [p - Math.sign(used) * next, used, next];
    },
    attrs: combinations({ slower: [0.5], faster: [1.2], least: [1e-6, 0.2], most: [0.5, 50], maximize: flag }),
  },
  adam: {
    states: (attrs) => 2 + has(attrs, "amsgrad"),
    step: (p, gradient, states, attrs) => {
      const { lr, beta1, beta2, eps, weightDecay, step } = attrs as Numbers;
      const { decoupled, amsgrad } = attrs;
      const g = directionOf(p, gradient, decoupled ? { ...attrs, weightDecay: 0 } : attrs);
      const start = decoupled ? p - lr! * weightDecay! * p : p;
      const [m, v] = momentsOf(g, states, attrs);
      const top = amsgrad ? Math.max(states[2]!, v) : v;
      const size = lr! / (1 - beta1! ** step!);
      const next = start - (size * m) / (Math.sqrt(top / (1 - beta2! ** step!)) + eps!);
      return amsgrad ? [next, m, v, top] : [next, m, v];
    },
    attrs: combinations({ lr: [0.01], ...betas, decoupled: flag, amsgrad: flag, step: [1, 2, 100] }),
  },
  rmsprop: {
    states: (attrs) => 1 + has(attrs, "centered") + has(attrs, "momentum"),
    step: (p, gradient, states, attrs) => {
      const { lr, alpha, eps, momentum } = attrs as Numbers;
      const g = directionOf(p, gradient, attrs);
      const v = alpha! * states[0]! + (1 - alpha!) * g * g;
      const m = alpha! * states[1]! + (1 - alpha!) * g;
      const move = g / (Math.sqrt(attrs["centered"] ? v - m * m : v) + eps!);
      const means = attrs["centered"] ? [m] : [];
      if (momentum === 0) return [p - lr! * move, v, ...means];
      const buffer = momentum! * states.at(-1)! + move;
      return [p - lr! * buffer, v, ...means, buffer];
    },
    // Centred squares come near 0.
    attrs: combinations({ lr: [0.01], alpha: [0.9], momentum: [0, 0.9], centered: flag, ...shared, eps: [1] }),
  },
  adagrad: {
    states: () => 1,
    step: (p, gradient, [sum], attrs) => {
      const { lr, eps } = attrs as Numbers;
      const g = directionOf(p, gradient, attrs);
      return [p - (lr! * g) / (Math.sqrt(sum! + g * g) + eps!), sum! + g * g];
    },
    attrs: combinations({ lr: [0.1], ...shared }),
  },
  adadelta: {
    states: () => 2,
    step: (p, gradient, [square, moves], attrs) => {
      const { lr, rho, eps } = attrs as Numbers;
      const g = directionOf(p, gradient, attrs);
      const v = rho! * square! + (1 - rho!) * g * g;
      const move = (Math.sqrt(moves! + eps!) / Math.sqrt(v + eps!)) * g;
      return [p - lr! * move, v, rho! * moves! + (1 - rho!) * move * move];
    },
    attrs: combinations({ lr: [1], rho: [0.9], ...shared }),
  },
  adamax: {
    states: () => 2,
    step: (p, gradient, [mean, most], attrs) => {
      const { rate, beta1, beta2, eps } = attrs as Numbers;
      const g = directionOf(p, gradient, attrs);
      const m = beta1! * mean! + (1 - beta1!) * g;
      const top = Math.max(beta2! * most!, Math.abs(g) + eps!);
      return [p - (rate! * m) / top, m, top];
    },
    attrs: combinations({ rate: [0.1], ...betas }),
  },
  nadam: {
    states: () => 2,
    step: (p, gradient, states, attrs) => {
      const { gradientRate, meanRate, correction, eps } = attrs as Numbers;
      const [m, v] = momentsOf(directionOf(p, gradient, attrs), states, attrs);
      const size = Math.sqrt(v / correction!) + eps!;
      return [p - (gradientRate! * directionOf(p, gradient, attrs)) / size - (meanRate! * m) / size, m, v];
    },
    attrs: combinations({ gradientRate: [0.01], meanRate: [0.02], correction: [0.01, 0.5], ...betas }),
  },
  radam: {
    states: () => 2,
    step: (p, gradient, states, attrs) => {
      const { rate, eps } = attrs as Numbers;
      const [m, v] = momentsOf(directionOf(p, gradient, attrs), states, attrs);
      return [p - rate! * (attrs["rectified"] ? m / (Math.sqrt(v) + eps!) : m), m, v];
    },
    attrs: combinations({ rate: [0.1], rectified: flag, ...betas }),
  },
};
