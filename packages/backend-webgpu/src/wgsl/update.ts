/** ★ The optimizers' rules, as PyTorch writes them: x0 is the parameter, x1… what is remembered, g the gradient. */
import type { UpdateRule } from "@dl/tensor";
import type { UpdateAttrs, UpdateRow } from "../kernels/update.ts";

type Text = (value: number) => string;

/** The gradient, reversed to maximize, with weight decay. */
function direction({ weightDecay, maximize }: UpdateAttrs, number: Text): string[] {
  const lines = maximize ? ["g = -g;"] : [];
  if (weightDecay) lines.push(`g += x0 * ${number(Number(weightDecay))};`);
  return lines;
}

/** A running mean in `x`. */
const running = (x: string, value: string, decay: number, number: Text): string =>
  `${x} = ${x} * ${number(decay)} + ${value} * ${number(1 - decay)};`;

/** The means of gradients in x1 and of their squares in x2. */
const moments = ({ beta1, beta2 }: UpdateAttrs, number: Text): string[] => [
  running("x1", "g", Number(beta1), number),
  running("x2", "g * g", Number(beta2), number),
];

export const updates: { readonly [R in UpdateRule]: UpdateRow } = {
  sgd: (attrs, number) => {
    const lines = direction(attrs, number);
    if (attrs["momentum"]) {
      const kept = number(Number(attrs["momentum"]));
      const fresh = (): string => number(1 - Number(attrs["dampening"]));
      lines.push(attrs["firstStep"] ? "x1 = g;" : `x1 = x1 * ${kept} + g * ${fresh()};`);
      lines.push(attrs["nesterov"] ? `g += x1 * ${kept};` : "g = x1;");
    }
    return [...lines, `x0 -= g * ${number(Number(attrs["lr"]))};`];
  },
  asgd: (attrs, number) => [
    ...direction(attrs, number),
    `x0 = x0 * ${number(Number(attrs["shrink"]))} - g * ${number(Number(attrs["eta"]))};`,
    attrs["averages"] ? `x1 += (x0 - x1) * ${number(Number(attrs["mu"]))};` : "x1 = x0;",
  ],
  rprop: (attrs, number) => {
    const text = (name: string): string => number(Number(attrs[name]));
    return [
      ...direction(attrs, number),
      "let agreement = g * x1;",
      `let factor = select(select(1.0, ${text("slower")}, agreement < 0.0), ${text("faster")}, agreement > 0.0);`,
      `x2 = clamp(x2 * factor, ${text("least")}, ${text("most")});`,
      "x1 = select(g, 0.0, agreement < 0.0);",
      "x0 -= sign(x1) * x2;",
    ];
  },
  adam: (attrs, number) => {
    const { lr, beta1, beta2, step, weightDecay, eps } = attrs as Readonly<Record<string, number>>;
    const lines = direction(attrs["decoupled"] ? { ...attrs, weightDecay: 0 } : attrs, number);
    if (weightDecay && attrs["decoupled"]) lines.push(`x0 *= ${number(1 - lr! * weightDecay)};`);
    lines.push(...moments(attrs, number));
    if (attrs["amsgrad"]) lines.push("x3 = max(x3, x2);");
    const root = `sqrt(${attrs["amsgrad"] ? "x3" : "x2"}) * ${number(1 / Math.sqrt(1 - beta2! ** step!))}`;
    return [...lines, `x0 -= ${number(lr! / (1 - beta1! ** step!))} * x1 / (${root} + ${number(eps!)});`];
  },
  rmsprop: (attrs, number) => {
    const [alpha, centered] = [Number(attrs["alpha"]), Boolean(attrs["centered"])];
    const lines = [...direction(attrs, number), running("x1", "g * g", alpha, number)];
    if (centered) lines.push(running("x2", "g", alpha, number));
    lines.push(`var change = g / (sqrt(${centered ? "x1 - x2 * x2" : "x1"}) + ${number(Number(attrs["eps"]))});`);
    const buffer = centered ? "x3" : "x2";
    if (attrs["momentum"]) {
      lines.push(`${buffer} = ${buffer} * ${number(Number(attrs["momentum"]))} + change;`, `change = ${buffer};`);
    }
    return [...lines, `x0 -= change * ${number(Number(attrs["lr"]))};`];
  },
  adagrad: (attrs, number) => [
    ...direction(attrs, number),
    "x1 += g * g;",
    `x0 -= g / (sqrt(x1) + ${number(Number(attrs["eps"]))}) * ${number(Number(attrs["lr"]))};`,
  ],
  adadelta: (attrs, number) => {
    const [rho, eps] = [Number(attrs["rho"]), number(Number(attrs["eps"]))];
    return [
      ...direction(attrs, number),
      running("x1", "g * g", rho, number),
      `let change = sqrt(x2 + ${eps}) / sqrt(x1 + ${eps}) * g;`,
      running("x2", "change * change", rho, number),
      `x0 -= change * ${number(Number(attrs["lr"]))};`,
    ];
  },
  adamax: (attrs, number) => [
    ...direction(attrs, number),
    running("x1", "g", Number(attrs["beta1"]), number),
    `x2 = max(x2 * ${number(Number(attrs["beta2"]))}, abs(g) + ${number(Number(attrs["eps"]))});`,
    `x0 -= x1 / x2 * ${number(Number(attrs["rate"]))};`,
  ],
  nadam: (attrs, number) => [
    ...direction(attrs, number),
    ...moments(attrs, number),
    `let size = sqrt(x2 * ${number(1 / Number(attrs["correction"]))}) + ${number(Number(attrs["eps"]))};`,
    `x0 -= (g * ${number(Number(attrs["gradientRate"]))} + x1 * ${number(Number(attrs["meanRate"]))}) / size;`,
  ],
  radam: (attrs, number) => {
    const change = attrs["rectified"] ? `x1 / (sqrt(x2) + ${number(Number(attrs["eps"]))})` : "x1";
    return [
      ...direction(attrs, number),
      ...moments(attrs, number),
      `x0 -= ${change} * ${number(Number(attrs["rate"]))};`,
    ];
  },
};
