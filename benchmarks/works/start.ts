import { measure, type Spec } from "../lib/timing.ts";
import { train } from "./program.ts";

export async function run(spec: Spec): Promise<void> {
  for (const { name, size } of spec.cases) {
    await measure(spec, name, () => void train(spec, size), { unwatched: true });
  }
}
