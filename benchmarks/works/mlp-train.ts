import { scope } from "@dl/tensor";
import { measure, type Spec, sizeOf } from "../lib/timing.ts";
import { mlp, trainer } from "./training.ts";

export async function run(spec: Spec): Promise<void> {
  const { step, loss } = trainer(mlp(), [784], sizeOf(spec, "mlp-train"));
  await measure(spec, "mlp-train", () => scope(step), { loss });
}
