import { performance } from "node:perf_hooks";
import { noGrad, type Tensor } from "@dl/tensor";
import { measure, type Spec } from "../lib/timing.ts";
import { floats } from "./tensors.ts";

const per = 2000;
const links = 200;

function adds(a: Tensor, b: Tensor): void {
  for (let i = 0; i < per; i++) a.add(b).dispose();
}

/** The seconds that going back over a chain of additions takes; making the chain is not counted. */
function backward(a: Tensor, b: Tensor): number {
  let sum = a;
  for (let i = 0; i < links; i++) sum = sum.add(b);
  const loss = sum.sum();
  const start = performance.now();
  loss.backward();
  return (performance.now() - start) / 1000;
}

export async function run(spec: Spec): Promise<void> {
  const [a, b] = [floats(50, [10]), floats(51, [10])];
  const watched = floats(50, [10]).requiresGrad_();
  await measure(spec, "small-op-plain", () => noGrad(() => adds(a, b)), { per });
  await measure(spec, "small-op-recorded", () => adds(watched, b), { per });
  await measure(spec, "small-op-backward", () => backward(watched, b), { per: links });
}
