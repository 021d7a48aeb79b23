import { setImmediate } from "node:timers/promises";
import { scope } from "@dl/tensor";
import { measure, type Spec, sizeOf } from "../lib/timing.ts";
import { cnn, trainer } from "./training.ts";

/** The network trained with `scope`, and in the plain loop, which gives the host a turn as a loader does. */
export async function run(spec: Spec): Promise<void> {
  const scoped = trainer(cnn(), [1, 28, 28], sizeOf(spec, "cnn-train"));
  await measure(spec, "cnn-train", () => scope(scoped.step), scoped);
  const name = "cnn-train-plain-loop";
  const plain = trainer(cnn(), [1, 28, 28], sizeOf(spec, name));
  const step = async (): Promise<void> => {
    plain.step();
    await setImmediate();
  };
  await measure(spec, name, step, plain);
}
