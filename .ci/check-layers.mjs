// Who may import whom (.dependency-cruiser.cjs). dependency-cruiser passes in silence when it cannot read the sources,
// so every source file must turn up in what it cruised.
import { execFileSync } from "node:child_process";
import { sources } from "./workspace.mjs";

const output = execFileSync("depcruise", ["packages", "--config", ".dependency-cruiser.cjs", "--output-type", "json"], {
  encoding: "utf8",
  maxBuffer: 1 << 28,
});
/** @type {{ modules: { source: string }[]; summary: { violations: { rule: { name: string }; from: string; to: string }[] } }} */
const { modules, summary } = JSON.parse(output);

for (const { rule, from, to } of summary.violations) console.error(`${rule.name}: ${from} -> ${to}`);
const cruised = new Set(modules.map(({ source }) => source));
const missed = sources.filter((file) => !cruised.has(file));
for (const file of missed) console.error(`not cruised: ${file}`);
console.log(`${summary.violations.length} violations in ${modules.length} modules, ${missed.length} files missed`);
if (summary.violations.length || missed.length) process.exitCode = 1;
