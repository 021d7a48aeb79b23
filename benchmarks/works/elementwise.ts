import * as nn from "@dl/nn";
import { randn } from "@dl/tensor";
import { measure, type Spec } from "../lib/timing.ts";

export async function run(spec: Spec): Promise<void> {
  const n = 4 * 1024 * 1024;
  const [a, b, rows] = [randn(n), randn(n), randn(4096, 1024)];
  await measure(spec, "elementwise-add", () => a.add(b).dispose());
  await measure(spec, "elementwise-gelu", () => nn.functional.gelu(a).dispose());
  await measure(spec, "elementwise-sum", () => a.sum().dispose());
  await measure(spec, "elementwise-softmax", () => rows.softmax(-1).dispose());
}
