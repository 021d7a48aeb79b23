/** `npm run conformance -- [options]`: recorded PyTorch results against this library. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { raiseFloors, readFloors, writeFloors } from "./floors.ts";
import { run, summarize } from "./run.ts";
import { formatFailures, formatReport } from "./table.ts";

const usage = `Usage: npm run conformance -- [options]
  --golden DIR     folder of recorded vectors (default: the package's own)
  --device NAME    cpu or webgpu (default: cpu)
  --family NAME    only this family; may be given several times
  --json FILE      write {family: {passed, failed, unsupported, failedIds, unsupportedIds}}
  --failures       list what did not pass, with the reason
  --raise-floors   raise floors.json to what passed
  --help`;

const options = {
  golden: { type: "string" },
  device: { type: "string", default: "cpu" },
  family: { type: "string", multiple: true },
  json: { type: "string" },
  failures: { type: "boolean", default: false },
  "raise-floors": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

const own = fileURLToPath(new URL("../golden", import.meta.url));

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
  if (values.help) return console.log(usage);
  if (values["raise-floors"] && values.golden !== undefined) {
    throw new Error("conformance: floors are those of the package's own vectors. Leave out --golden or --raise-floors");
  }
  const golden = values.golden === undefined ? own : resolve(values.golden);
  const results = await run({ golden, device: values.device, ...(values.family && { families: values.family }) });
  const report = summarize(results);
  if (values.failures) console.log(formatFailures(results));
  console.log(formatReport(report));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values["raise-floors"]) writeFloors(raiseFloors(report, readFloors()));
}

try {
  await main(process.argv.slice(2));
  // Idle worker threads and GPU devices would keep the process.
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exit(2);
}
