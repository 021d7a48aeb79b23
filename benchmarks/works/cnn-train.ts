import { setImmediate } from "node:timers/promises";
import { scope } from "@dl/tensor";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { cnn, trainer } from "./training.ts";

/** The network trained with `scope`, and in the plain loop, which gives the host a turn as a loader does. */
export async function run(spec: Spec): Promise<void> {
  for (const { name, size } of spec.cases) {
    await attempt(spec, name, async () => {
      const { step, loss } = trainer(cnn(), [1, 28, 28], size);
      const plain = async (): Promise<void> => {
        step();
        await setImmediate();
      };
      await measure(spec, name, name.endsWith("plain-loop") ? plain : () => scope(step), { loss });
    });
  }
}
