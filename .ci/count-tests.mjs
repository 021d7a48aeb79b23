// Counts a report of vitest: prints "passed failed", and on the other stream every test that was skipped. With CI=true a
// skip is a failure, except where the name says that the test needs ../shared, which stands beside the project or does not.
import { readFileSync } from "node:fs";

/** @type {{ testResults: { assertionResults: { status: string; fullName: string }[] }[] }} */
const { testResults } = JSON.parse(readFileSync(String(process.argv[2]), "utf8"));
const results = testResults.flatMap(({ assertionResults }) => assertionResults);

const passed = results.filter(({ status }) => status === "passed");
const failed = results.filter(({ status }) => status === "failed");
const skipped = results.filter(({ status }) => status !== "passed" && status !== "failed");
const refused = process.env["CI"] ? skipped.filter(({ fullName }) => !fullName.includes("(needs ../shared)")) : [];

for (const result of skipped) {
  console.error(`skipped${refused.includes(result) ? ", which CI forbids" : ""}: ${result.fullName}`);
}
console.log(passed.length, failed.length + refused.length);
