/** ★ The optimizers' rules, as PyTorch writes them. */
import type { UpdateRow } from "../kernels/update.ts";

/** x0 parameter, x1 momentum buffer. @see https://pytorch.org/docs/stable/generated/torch.optim.SGD.html */
export const sgd: UpdateRow = ({ lr, momentum, dampening, nesterov, weightDecay, maximize, firstStep }, number) => {
  const lines = maximize ? ["g = -g;"] : [];
  if (weightDecay) lines.push(`g += x0 * ${number(Number(weightDecay))};`);
  if (momentum) {
    const kept = number(Number(momentum));
    lines.push(firstStep ? "x1 = g;" : `x1 = x1 * ${kept} + g * ${number(1 - Number(dampening))};`);
    lines.push(nesterov ? `g += x1 * ${kept};` : "g = x1;");
  }
  lines.push(`x0 -= g * ${number(Number(lr))};`);
  return lines;
};

/** x0 parameter, x1 mean, x2 mean square, x3 its maximum. @see https://pytorch.org/docs/stable/generated/torch.optim.Adam.html */
export const adam: UpdateRow = (attrs, number) => {
  const [lr, beta1, beta2, step, decay] = [
    attrs["lr"],
    attrs["beta1"],
    attrs["beta2"],
    attrs["step"],
    attrs["weightDecay"],
  ].map(Number) as [number, number, number, number, number];
  const lines = attrs["maximize"] ? ["g = -g;"] : [];
  if (decay) lines.push(attrs["decoupled"] ? `x0 *= ${number(1 - lr * decay)};` : `g += x0 * ${number(decay)};`);
  lines.push(`x1 = x1 * ${number(beta1)} + g * ${number(1 - beta1)};`);
  lines.push(`x2 = x2 * ${number(beta2)} + g * g * ${number(1 - beta2)};`);
  if (attrs["amsgrad"]) lines.push("x3 = max(x3, x2);");
  const root = `sqrt(${attrs["amsgrad"] ? "x3" : "x2"}) * ${number(1 / Math.sqrt(1 - beta2 ** step))}`;
  lines.push(`x0 -= ${number(lr / (1 - beta1 ** step))} * x1 / (${root} + ${number(Number(attrs["eps"]))});`);
  return lines;
};
