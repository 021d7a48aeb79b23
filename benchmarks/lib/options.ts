// The command line: what may be asked, and clear words for what may not.
import os from "node:os";
import { parseArgs } from "node:util";
import { peers } from "./libraries.ts";
import { isSweep, sweeps } from "./sweep.ts";
import { works } from "./works.ts";

export interface Options {
  readonly help: boolean;
  readonly installPeers: boolean;
  readonly quick: boolean;
  /** Names of cases to run. */
  readonly only: readonly string[];
  readonly threads: readonly number[];
  /** Names of libraries to run beside ours. */
  readonly peers: readonly string[];
  /** Another Node for our own child, and its V8 flags; ours runs on this one where there is none. */
  readonly node: string | undefined;
  readonly nodeFlags: readonly string[];
  /** Where the rows go: a file, "-" for the standard output, or nowhere. */
  readonly json: string | undefined;
}

/** A mistake on the command line: its message is the whole answer. */
export class UsageError extends Error {}

/** Names, as many on a line as the help has room for. */
function byLine(names: readonly string[], count: number): string {
  const lines = names.flatMap((_, at) => (at % count === 0 ? [names.slice(at, at + count).join(", ")] : []));
  return lines.join(`,\n${" ".repeat(25)}`);
}

export const help = `npm run --silent bench -- [options]

  --only NAME[,NAME]     works to run: ${byLine(Object.keys(works), 6)},
                         or a single case such as sgemm-512 (default: all);
                         sweep, a row for nearly every function and dtype, or a part of it:
                         ${byLine(Object.keys(sweeps), 4)}
  --threads N[,N]        threads for us and for the libraries that have any (default: 1,2)
  --peers NAME[,NAME]    torch, tfjs, jax-js, onnxruntime, or none (default: all)
  --node PATH            another Node for us alone, such as the answer of: npx -y -p node@24 node -p process.execPath
  --node-flags=FLAG[,F]  V8 flags for us alone, such as --experimental-wasm-revectorize
  --quick                short measurements: to see that it works, not for figures
  --json FILE            write the rows as JSON; "-" prints them instead of the table
  --install-peers        install the JavaScript peers and stop
  --help                 this text

Every library runs in its own process, one after the other, with ours between them. What is not installed is skipped.
`;

const list = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

/** The items that `names` ask for, in the order of the table; each name must ask for at least one. */
function choose<T>(
  option: string,
  names: readonly string[],
  items: readonly T[],
  keys: (item: T) => string[],
  shown = keys,
): T[] {
  const known = new Set(items.flatMap(keys));
  const wrong = names.find((name) => !known.has(name));
  if (wrong !== undefined || names.length === 0) {
    const hint = [...new Set(items.flatMap(shown))].join(", ");
    throw new UsageError(`bench: --${option} got "${wrong ?? ""}". Use one or more of: ${hint}`);
  }
  return items.filter((item) => keys(item).some((key) => names.includes(key)));
}

function parseThreads(text: string | undefined): number[] {
  if (text === undefined) return os.availableParallelism() > 1 ? [1, 2] : [1];
  const threads = list(text).map(Number);
  if (threads.length === 0 || threads.some((count) => !Number.isInteger(count) || count < 1 || count > 256)) {
    throw new UsageError(`bench: --threads got "${text}". Use whole numbers from 1 to 256, e.g. --threads 1,2`);
  }
  return [...new Set(threads)];
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: "string" },
        threads: { type: "string" },
        peers: { type: "string" },
        json: { type: "string" },
        node: { type: "string" },
        "node-flags": { type: "string", default: "" },
        quick: { type: "boolean", default: false },
        "install-peers": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`bench: ${(error as Error).message.split(". ")[0]}. See npm run bench -- --help`);
  }
}

interface Choice {
  readonly work: string;
  readonly name: string;
}

const choices: readonly Choice[] = Object.entries({ ...works, ...sweeps }).flatMap(([work, cases]) =>
  cases.map(({ name }) => ({ work, name })),
);
const keysOf = ({ work, name }: Choice): string[] => [work, name, ...(isSweep(work) ? ["sweep"] : [])];
/** The sweep's hundreds of rows are not listed. */
const shownOf = ({ work, name }: Choice): string[] => (isSweep(work) ? ["sweep", work] : [work, name]);

export function parseOptions(args: readonly string[]): Options {
  const values = parse(args);
  if (values.json === "") throw new UsageError('bench: --json got "". Use the name of a file, or "-"');
  const only = values.only === undefined ? Object.keys(works) : list(values.only);
  const asked = values.peers === undefined ? peers.map(({ peer }) => peer) : list(values.peers);
  const none = asked.length === 1 && asked[0] === "none";
  return {
    help: values.help,
    installPeers: values["install-peers"],
    quick: values.quick,
    only: choose("only", only, choices, keysOf, shownOf).map(({ name }) => name),
    threads: parseThreads(values.threads),
    peers: none ? [] : choose("peers", asked, peers, ({ peer, name }) => [peer, name]).map(({ name }) => name),
    node: values.node,
    nodeFlags: list(values["node-flags"]),
    json: values.json,
  };
}
