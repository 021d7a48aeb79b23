import { spawn } from "node:child_process";
import { once } from "node:events";
import { scope } from "@dl/tensor";
import { report, type Spec, timed } from "../lib/timing.ts";
import { cnn, trainer } from "./training.ts";

/** Training alone, then beside a process that never rests: it may take its share of the cores, and no more. */
export async function run(spec: Spec): Promise<void> {
  const { step, loss } = trainer(cnn(), [1, 28, 28], spec.cases[0]!.size);
  const quiet = await timed(spec, () => scope(step), { loss });
  const other = spawn(process.execPath, ["-e", "for (;;);"]);
  try {
    await once(other, "spawn");
    const busy = await timed(spec, () => scope(step), { loss, unwatched: true });
    report({ case: "busy-core-quiet", ...quiet });
    report({ case: "busy-core", ...busy });
    report({ case: "busy-core-share", ...busy, amount: busy.amount / quiet.amount });
  } finally {
    other.kill("SIGKILL");
  }
}
