// The child process for our own library: one work, one number of threads.
import "@dl/autograd";
import { setNumThreads } from "@dl/backend-cpu";
import { manualSeed } from "@dl/tensor";
import { readSpec } from "./lib/timing.ts";

const spec = readSpec();
setNumThreads(spec.threads);
manualSeed(0);
const { run } = (await import(`./works/${spec.work}.ts`)) as typeof import("./works/sgemm.ts");
await run(spec);
process.exit(0);
