// From what the children reported to the rows of the result: medians, units, ratios, words for what did not work.

import type { Case } from "./case.ts";
import { median, type Report } from "./timing.ts";

export interface Row {
  readonly work: string;
  readonly library: string;
  readonly threads: number;
  readonly value: number | null;
  readonly unit: string;
  readonly higherIsBetter: boolean;
  /** Our speed over this library's in the same run: above 1 we are faster; null where there is nothing to compare. */
  readonly oursOver: number | null;
  readonly note?: string;
}

/** More than this many cores busy with other work, and a row is marked. */
const quiet = 0.15;

const round = (value: number): number => Number(value.toPrecision(4));

/** Several runs of one case as one report: the median of their medians, and the least quiet moment. */
export function combine(reports: readonly Report[]): Report | undefined {
  const timed = reports.filter((report) => "amount" in report);
  if (timed.length === 0) return reports[0];
  const [first] = timed;
  return {
    ...first!,
    amount: median(timed.map((report) => report.amount)),
    calls: timed.reduce((sum, report) => sum + report.calls, 0),
    others: Math.max(...timed.map((report) => report.others)),
  };
}

function notes(item: Case, report: Report, extra: string | undefined): string | undefined {
  const busy =
    "others" in report && report.others > quiet ? `noisy: others used ${report.others.toFixed(1)} cores` : undefined;
  const own = "cannot" in report ? report.cannot : report.note;
  return [own, item.note, extra, busy].filter((text) => text !== undefined).join("; ") || undefined;
}

/** The row of one library for one case; `ours` is our own report from the same run. */
export function rowOf(
  item: Case,
  library: string,
  threads: number,
  report: Report,
  ours: Report | undefined,
  extra?: string,
): Row {
  const amount = "amount" in report ? report.amount : undefined;
  const own = ours && "amount" in ours ? ours.amount : undefined;
  const note = notes(item, report, extra);
  return {
    work: item.name,
    library,
    threads,
    value: amount === undefined ? null : round(item.value(amount)),
    unit: item.unit,
    higherIsBetter: item.higherIsBetter,
    oursOver: amount === undefined || own === undefined ? null : round(amount / own),
    ...(note === undefined ? {} : { note }),
  };
}
