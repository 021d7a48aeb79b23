// What is said of the sweep: how many rows stand where beside the peer, and those that stand low, the lowest first.
import type { Row } from "./rows.ts";

interface Standing {
  readonly work: string;
  /** The lower of the ratios on several numbers of threads. */
  readonly worst: number;
  readonly ratios: readonly string[];
}

const level = 0.8;
const low = 0.5;

function standings(rows: readonly Row[]): Standing[] {
  const compared = rows.filter(
    (row): row is Row & { oursOver: number } => row.library !== "dl" && row.oursOver !== null,
  );
  return [...new Set(compared.map(({ work }) => work))].map((work) => {
    const own = compared.filter((row) => row.work === work);
    const ratios = own.map(({ threads, oursOver }) => `${oursOver.toFixed(2)} on ${threads}`);
    return { work, worst: Math.min(...own.map(({ oursOver }) => oursOver)), ratios };
  });
}

/** Counts of the standings in steps, what stands below the first step, and what cannot be done. */
export function summary(rows: readonly Row[]): string {
  const found = standings(rows).sort((a, b) => a.worst - b.worst);
  const below = found.filter(({ worst }) => worst < level);
  const lowest = below.filter(({ worst }) => worst < low).length;
  const silent = rows.filter(({ value }) => value === null);
  const width = Math.max(0, ...below.map(({ work }) => work.length));
  const lines = [
    ...silent.map(({ work, library, threads, note }) => `${work}, ${library} on ${threads}: ${note}`),
    ...below.map(({ work, ratios }) => `${work.padEnd(width)}  ${ratios.join(", ")}`),
    `${found.length} rows compared: ${found.length - below.length} at ${level} and above, ${below.length - lowest} from ${low}, ${lowest} below`,
  ];
  return `${lines.join("\n")}\n`;
}
