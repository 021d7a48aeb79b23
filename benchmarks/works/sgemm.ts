import { randn } from "@dl/tensor";
import { measure, type Spec } from "../lib/timing.ts";

export async function run(spec: Spec): Promise<void> {
  for (const { name, size } of spec.cases) {
    const [a, b] = [randn(size["n"]!, size["n"]!), randn(size["n"]!, size["n"]!)];
    await measure(spec, name, () => a.matmul(b).dispose());
  }
}
