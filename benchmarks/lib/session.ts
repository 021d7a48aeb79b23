// One work at one number of threads: ours, a peer, ours, the next peer, ours… The machine drifts, so our figure is the
// median of the runs that lie around the peers'.
import { runChild } from "./child.ts";
import { type Library, ours } from "./libraries.ts";
import { combine, type Row, rowOf } from "./rows.ts";
import type { Report, Spec } from "./timing.ts";
import type { Case } from "./works.ts";

export interface Session {
  readonly quick: boolean;
  readonly peers: readonly Library[];
  /** Reports of the libraries that have one thread anyway, by library and work. */
  readonly single: Map<string, Report[]>;
  readonly say: (text: string) => void;
}

const specOf = (session: Session, work: string, cases: readonly Case[], threads: number): Spec => ({
  work,
  cases: cases.map(({ name, size }) => ({ name, size })),
  threads,
  warm: session.quick ? 0.1 : 0.4,
  budget: session.quick ? 0.2 : 1.2,
  quick: session.quick,
});

/** The reports of a peer, and whether it ran just now: one with a single thread is timed once a session. */
async function runPeer(session: Session, library: Library, spec: Spec): Promise<{ reports: Report[]; ran: boolean }> {
  const key = `${library.name} ${spec.work}`;
  const known = session.single.get(key);
  if (known) return { reports: known, ran: false };
  session.say(`${spec.work}, ${spec.threads} ${spec.threads === 1 ? "thread" : "threads"}: ${library.name}`);
  const reports = await runChild(library, spec);
  if (!library.threaded) session.single.set(key, reports);
  return { reports, ran: true };
}

const reportOf = (reports: readonly Report[], item: Case): Report =>
  reports.find((report) => report.case === item.name) ?? { case: item.name, cannot: "said nothing" };

function rowsOf(item: Case, own: readonly Report[][], theirs: ReadonlyMap<Library, Report[]>, threads: number): Row[] {
  const mine = combine(own.map((reports) => reportOf(reports, item)))!;
  const rows = [rowOf(item, ours.name, threads, mine, mine)];
  for (const [library, reports] of item.oursOnly ? [] : theirs) {
    const extra = threads > 1 && !library.threaded ? "one thread, it has no more in Node" : undefined;
    rows.push(rowOf(item, library.name, threads, reportOf(reports, item), mine, extra));
  }
  return rows;
}

/** The rows of one work: for every case ours first, then the peers in the order of their table. */
export async function runWork(session: Session, work: string, cases: readonly Case[], threads: number): Promise<Row[]> {
  const shared = cases.filter(({ oursOnly }) => !oursOnly);
  const own = [await runChild(ours, specOf(session, work, cases, threads))];
  const theirs = new Map<Library, Report[]>();
  for (const library of shared.length > 0 ? session.peers : []) {
    const { reports, ran } = await runPeer(session, library, specOf(session, work, shared, threads));
    theirs.set(library, reports);
    if (ran && !session.quick) own.push(await runChild(ours, specOf(session, work, cases, threads)));
  }
  return cases.flatMap((item) => rowsOf(item, own, theirs, threads));
}
