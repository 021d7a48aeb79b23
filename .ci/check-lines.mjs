// The budget of lines, of sources and of their tests: a file that outgrows it wants to be two.
import { readFileSync } from "node:fs";
import { sources, tests } from "./workspace.mjs";

const limit = 400;
/** Files that may be longer, each with its own limit and a reason beside it. @type {Record<string, number>} */
const exceptions = {};

const files = [...sources, ...tests];
const lines = files.map((file) => ({ file, count: readFileSync(file, "utf8").trimEnd().split("\n").length }));
const long = lines.filter(({ file, count }) => count > (exceptions[file] ?? limit));
for (const { file, count } of long) console.error(`${file}: ${count} lines, the limit is ${exceptions[file] ?? limit}`);
for (const file of Object.keys(exceptions).filter((name) => !files.includes(name))) {
  console.error(`${file}: an exception for a file that is gone`);
  process.exitCode = 1;
}
const total = lines.reduce((sum, { count }) => sum + count, 0);
console.log(`${total} lines in ${lines.length} files, ${long.length} files too long`);
if (long.length) process.exitCode = 1;
