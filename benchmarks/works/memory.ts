import { attempt, report, type Spec } from "../lib/timing.ts";
import { train } from "./program.ts";

/** Once each: what a program needs of memory does not vary as its time does. */
export async function run(spec: Spec): Promise<void> {
  for (const { name, size } of spec.cases) {
    await attempt(spec, name, () => {
      const { resident, tensors } = train(spec, size);
      report({ case: name, amount: name.includes("tensors") ? tensors : resident, calls: 1, others: 0 });
    });
  }
}
