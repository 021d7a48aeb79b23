// One work at one number of threads: ours, a peer, ours, the next peer, ours… The machine drifts, so our figure is the
// median of the runs that lie around the peers'.
import type { Case } from "./case.ts";
import { runChild } from "./child.ts";
import type { Library } from "./libraries.ts";
import { combine, type Row, rowOf } from "./rows.ts";
import type { Report, Spec } from "./timing.ts";

export interface Session {
  readonly quick: boolean;
  readonly ours: Library;
  readonly peers: readonly Library[];
  /** Reports of the libraries that have one thread anyway, by library and work. */
  readonly single: Map<string, Report[]>;
  readonly say: (text: string) => void;
}

/** The seconds for one case: a work with many of them measures each more briefly. */
const budgetOf = (seconds: number, cases: number): number => Math.max(seconds / 4, Math.min(seconds, 12 / cases));

/** So many times as long as it measures, it warms up: engines compile what runs once in a step after hundreds of steps. */
const WARMER = 3;

/** Warm-up and measuring. A row of the sweep is measured as briefly as can be, but engines take a tenth of a second to compile. */
function budgets(quick: boolean, cases: readonly Case[]): Pick<Spec, "warm" | "budget"> {
  if (cases.some(({ call }) => call)) return quick ? { warm: 0.02, budget: 0.02 } : { warm: 0.15, budget: 0.06 };
  const seconds = quick ? 0.1 : budgetOf(1.2, cases.length);
  return { warm: quick ? seconds : WARMER * seconds, budget: seconds };
}

const specOf = (session: Session, work: string, cases: readonly Case[], threads: number): Spec => ({
  work,
  cases: cases.map(({ name, size, call }) => ({ name, size, ...(call && { call }) })),
  threads,
  ...budgets(session.quick, cases),
  quick: session.quick,
});

/** The cases that this library gets: it is asked for them, and they end. */
const casesFor = ({ name }: Library, cases: readonly Case[]): Case[] =>
  cases.filter(({ peers, tooSlow }) => peers.includes(name) && !tooSlow?.includes(name));

/** The reports of a peer, and whether it ran just now: one with a single thread is timed once a session. */
async function runPeer(session: Session, library: Library, spec: Spec): Promise<{ reports: Report[]; ran: boolean }> {
  const key = `${library.name} ${spec.work}`;
  const known = session.single.get(key);
  if (known) return { reports: known, ran: false };
  if (spec.cases.length === 0) return { reports: [], ran: false };
  session.say(`${spec.work}, ${spec.threads} ${spec.threads === 1 ? "thread" : "threads"}: ${library.name}`);
  const reports = await runChild(library, spec);
  if (!library.threaded) session.single.set(key, reports);
  return { reports, ran: true };
}

function reportOf({ name }: Library, reports: readonly Report[], item: Case): Report {
  const slow = item.tooSlow?.includes(name);
  const silent = { case: item.name, cannot: slow ? "too slow: one call takes half a minute and more" : "said nothing" };
  return reports.find((report) => report.case === item.name) ?? silent;
}

function rowsOf(
  { ours }: Session,
  item: Case,
  own: readonly Report[][],
  theirs: ReadonlyMap<Library, Report[]>,
  threads: number,
): Row[] {
  const mine = combine(own.map((reports) => reportOf(ours, reports, item)))!;
  const rows = [rowOf(item, ours.name, threads, mine, mine, ours.note)];
  for (const [library, reports] of theirs) {
    if (!item.peers.includes(library.name)) continue;
    const extra = threads > 1 && !library.threaded ? "one thread, it has no more in Node" : undefined;
    rows.push(rowOf(item, library.name, threads, reportOf(library, reports, item), mine, extra));
  }
  return rows;
}

/** The rows of one work: for every case ours first, then the peers in the order of their table. */
export async function runWork(session: Session, work: string, cases: readonly Case[], threads: number): Promise<Row[]> {
  const { ours, peers, quick } = session;
  session.say(`${work}, ${threads} ${threads === 1 ? "thread" : "threads"}: ${ours.name}`);
  const own = [await runChild(ours, specOf(session, work, cases, threads))];
  const theirs = new Map<Library, Report[]>();
  for (const library of peers) {
    const shared = casesFor(library, cases);
    const { reports, ran } = await runPeer(session, library, specOf(session, work, shared, threads));
    theirs.set(library, reports);
    if (ran && !quick) own.push(await runChild(ours, specOf(session, work, shared, threads)));
  }
  return cases.flatMap((item) => rowsOf(session, item, own, theirs, threads));
}
