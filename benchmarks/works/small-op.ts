import { noGrad, randn, type Tensor } from "@dl/tensor";
import { measure, type Spec } from "../lib/timing.ts";

const per = 2000;

function adds(a: Tensor, b: Tensor): void {
  for (let i = 0; i < per; i++) a.add(b).dispose();
}

export async function run(spec: Spec): Promise<void> {
  const [a, b] = [randn(10), randn(10)];
  const watched = randn(10, { requiresGrad: true });
  await measure(spec, "small-op-plain", () => noGrad(() => adds(a, b)), { per });
  await measure(spec, "small-op-recorded", () => adds(watched, b), { per });
}
