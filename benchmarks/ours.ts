// The child process for our own library: one work, one number of threads.
import "@dl/autograd";
import { setNumThreads } from "@dl/backend-cpu";
import { manualSeed } from "@dl/tensor";
import { readSpec } from "./lib/timing.ts";

const spec = readSpec();
setNumThreads(spec.threads);
manualSeed(0);
const file = spec.work.startsWith("sweep-") ? "sweep" : spec.work;
const { run } = (await import(`./works/${file}.ts`)) as typeof import("./works/sgemm.ts");
await run(spec);
process.exit(0);
