// The child's side: what it is asked (a Spec in argv), how it times a call, and the line that it answers.
// JavaScript peers import this file too, so that every library is timed by the same rule; peers/pytorch/timing.py mirrors it.
import os from "node:os";
import { performance } from "node:perf_hooks";
import type { Case } from "./case.ts";

export interface Spec {
  readonly work: string;
  readonly cases: readonly Pick<Case, "name" | "size" | "call">[];
  readonly threads: number;
  /** Seconds of warm-up, and of measuring, for each case. */
  readonly warm: number;
  readonly budget: number;
  readonly quick: boolean;
}

export interface Timing {
  /** Seconds of a call, or whatever else is less where it is better, as the case says. */
  readonly amount: number;
  readonly calls: number;
  /** Cores that other processes used meanwhile. */
  readonly others: number;
}

/** One line of a child: a median, or the reason why the library cannot do the case. */
export type Report =
  | (Timing & { readonly case: string; readonly note?: string })
  | { readonly case: string; readonly cannot: string };

/** A timed call. A number that it returns is its own time in seconds, for calls that set something up first. */
export type Call = () => unknown;

export interface MeasureOptions {
  /** Units of work in one call: 2 000 for a loop of 2 000 ops, 1/8 for an eighth of the batch. */
  readonly per?: number;
  /** A cheaper call to warm up with, where one call takes minutes. */
  readonly warmUp?: Call;
  /** The loss after the last call: a training that ran into NaN is not a measurement. */
  readonly loss?: () => number;
  /** The call keeps other processes busy itself: there is no telling whose they are. */
  readonly unwatched?: boolean;
  readonly note?: string;
}

export const readSpec = (): Spec => JSON.parse(process.argv[2] ?? "") as Spec;

export const report = (line: Report): void => console.log(JSON.stringify(line));

const busySeconds = (): number =>
  os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;

/** Starts watching the machine; the answer tells how many cores other processes kept busy since. */
function watchOthers(): () => number {
  const [busy, own, start] = [busySeconds(), process.cpuUsage(), performance.now()];
  return () => {
    const { user, system } = process.cpuUsage(own);
    const mine = (user + system) / 1e6;
    return Math.max(0, (busySeconds() - busy - mine) / ((performance.now() - start) / 1000));
  };
}

async function time(call: Call): Promise<number> {
  const start = performance.now();
  const result = call();
  const own = result instanceof Promise ? await result : result;
  return typeof own === "number" ? own : (performance.now() - start) / 1000;
}

/** Calls for `seconds`, at least `least` times unless that takes ten times as long; the times of all calls. */
async function repeat(call: Call, seconds: number, least: number): Promise<number[]> {
  const times: number[] = [];
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  while (elapsed() < seconds || (times.length < least && elapsed() < 10 * seconds)) times.push(await time(call));
  return times;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const asked = (spec: Spec, name: string): boolean => spec.cases.some((wanted) => wanted.name === name);

/** Runs `body` if the spec asks for that case; an exception becomes the reason why it cannot be done. */
export async function attempt(spec: Spec, name: string, body: () => unknown): Promise<void> {
  if (!asked(spec, name)) return;
  try {
    await body();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    report({ case: name, cannot: text.replace(/\s+/g, " ").slice(0, 200) });
  }
}

/** Warms a call up and times it. */
export async function timed(spec: Spec, call: Call, options: MeasureOptions = {}): Promise<Timing> {
  await repeat(options.warmUp ?? call, spec.warm, 2);
  const others = options.unwatched ? () => 0 : watchOthers();
  const times = await repeat(call, spec.budget, 3);
  const loss = options.loss?.() ?? 0;
  if (!Number.isFinite(loss)) throw new Error(`the loss became ${loss}`);
  return { amount: median(times) / (options.per ?? 1), calls: times.length, others: others() };
}

/** Times one case, if the spec asks for it, and reports it. */
export function measure(spec: Spec, name: string, call: Call, options: MeasureOptions = {}): Promise<void> {
  return attempt(spec, name, async () => {
    const line = { case: name, ...(await timed(spec, call, options)) };
    report(options.note === undefined ? line : { ...line, note: options.note });
  });
}

/** The size that the table of works gives a case. */
export function sizeOf(spec: Spec, name: string): Readonly<Record<string, number>> {
  return spec.cases.find((wanted) => wanted.name === name)?.size ?? {};
}
