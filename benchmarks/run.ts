// npm run bench: our library beside the others on the same work, in one table and one JSON file.
import { checkWritable, toJson, writeRows } from "./lib/files.ts";
import { type Library, ours, oursOn, peers } from "./lib/libraries.ts";
import { help, type Options, parseOptions, UsageError } from "./lib/options.ts";
import type { Row } from "./lib/rows.ts";
import { runWork, type Session } from "./lib/session.ts";
import { availablePeers, buildPackages, installPeers } from "./lib/setup.ts";
import { summary } from "./lib/summary.ts";
import { sweeps } from "./lib/sweep.ts";
import { table } from "./lib/table.ts";
import { works } from "./lib/works.ts";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function oursFor({ node, nodeFlags }: Options): Library {
  if (node === undefined && nodeFlags.length === 0) return ours;
  try {
    return oursOn(node ?? process.execPath, nodeFlags);
  } catch (error) {
    throw new UsageError(`bench: ${(error as Error).message}. Check --node and --node-flags`);
  }
}

async function runAll(options: Options): Promise<Row[]> {
  const own = oursFor(options);
  const trouble = buildPackages();
  if (trouble !== undefined) say(trouble);
  const asked = peers.filter(({ name }) => options.peers.includes(name));
  const available = availablePeers(asked, say);
  const session: Session = { quick: options.quick, ours: own, peers: available, single: new Map(), say };
  const rows: Row[] = [];
  for (const [work, all] of Object.entries({ ...works, ...sweeps })) {
    const cases = all.filter(({ name }) => options.only.includes(name));
    for (const threads of cases.length > 0 ? options.threads : []) {
      rows.push(...(await runWork(session, work, cases, threads)));
    }
  }
  return rows;
}

function print(options: Options, rows: readonly Row[]): void {
  if (options.json === "-") {
    process.stdout.write(toJson(rows));
    return;
  }
  if (options.json !== undefined) writeRows(options.json, rows);
  const swept = rows.filter(({ work }) => work.startsWith("sweep-"));
  const others = rows.filter((row) => !swept.includes(row));
  process.stdout.write(others.length > 0 ? `${table(others)}\n` : "");
  process.stdout.write(swept.length > 0 ? summary(swept) : "");
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  if (options.installPeers) {
    const installed = installPeers();
    say(
      installed
        ? "the JavaScript peers are installed"
        : "bench: npm could not install the peers. Is a registry reachable?",
    );
    return installed ? 0 : 1;
  }
  if (options.json !== undefined && options.json !== "-") checkWritable(options.json);
  const rows = await runAll(options);
  print(options, rows);
  return rows.some(({ library, value }) => library === ours.name && value === null) ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(error.message);
  process.exitCode = 2;
}
