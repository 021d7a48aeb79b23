import * as nn from "@dl/nn";
import { Adam } from "@dl/optim";
import { noGrad, scope } from "@dl/tensor";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { floats, touch } from "./tensors.ts";

const { functional: F } = nn;
const shape = [4096, 1024];

function biasGelu(): () => void {
  const [x, bias] = [floats(3, shape), floats(5, [1024])];
  return () => scope(() => noGrad(() => touch(F.gelu(x.add(bias)))));
}

function residualDropout(): () => void {
  const [x, branch] = [floats(3, shape), floats(4, shape)];
  return () => scope(() => noGrad(() => touch(x.add(F.dropout(branch, 0.1)))));
}

function adam(): () => void {
  const weight = new nn.Parameter(floats(3, shape));
  weight.grad = floats(4, shape, 0.1);
  const optimizer = new Adam([weight], { lr: 1e-6 });
  return () => scope(() => void optimizer.step());
}

const chains = { "bias-gelu": biasGelu, "residual-dropout": residualDropout, adam };

/** What a fusing backend does in one pass over memory. */
export async function run(spec: Spec): Promise<void> {
  for (const [chain, setUp] of Object.entries(chains)) {
    const name = `chains-${chain}`;
    await attempt(spec, name, () => measure(spec, name, setUp()));
  }
}
