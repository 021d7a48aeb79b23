// Counts a report of vitest: prints "passed failed", and on the other stream every test that was skipped, and why each
// failed. With CI=true a skip is a failure, except where the name says that the test needs ../shared, which stands beside
// the project or does not.
import { readFileSync } from "node:fs";

/** @type {{ testResults: { assertionResults: { status: string; fullName: string; failureMessages?: string[] }[] }[] }} */
const { testResults } = JSON.parse(readFileSync(String(process.argv[2]), "utf8"));
const results = testResults.flatMap(({ assertionResults }) => assertionResults);

const passed = results.filter(({ status }) => status === "passed");
const failed = results.filter(({ status }) => status === "failed");
const skipped = results.filter(({ status }) => status !== "passed" && status !== "failed");
const refused = process.env["CI"] ? skipped.filter(({ fullName }) => !fullName.includes("(needs ../shared)")) : [];

for (const result of skipped) {
  console.error(`skipped${refused.includes(result) ? ", which CI forbids" : ""}: ${result.fullName}`);
}
for (const { fullName, failureMessages = [] } of failed) {
  console.error(`failed: ${fullName}\n${failureMessages.join("\n").slice(0, 2000)}`);
}
console.log(passed.length, failed.length + refused.length);
