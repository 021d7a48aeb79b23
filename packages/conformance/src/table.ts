/** The report as text. */
import type { Outcome } from "./outcome.ts";
import type { FamilyReport, Report } from "./run.ts";

const columns = ["family", "passed", "failed", "unsupported"] as const;

/** One line a family, and their sum. */
export function formatReport(report: Report): string {
  const cells = Object.entries(report).map(([family, counts]) => [family, ...numbers(counts)]);
  const sums = Object.values(report).map(numbers).reduce(add, [0, 0, 0]);
  const lines = [columns, ...cells, ["total", ...sums]].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "))
    .join("\n");
}

function numbers({ passed, failed, unsupported }: FamilyReport): number[] {
  return [passed, failed, unsupported];
}

function add(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value + b[i]!);
}

/** What went wrong, one line each. */
export function formatFailures(results: ReadonlyMap<string, readonly Outcome[]>): string {
  return [...results]
    .flatMap(([family, outcomes]) =>
      outcomes
        .filter(({ status }) => status !== "passed")
        .map(({ id, status, reason }) => `${status} ${family}: ${id}: ${reason}`),
    )
    .join("\n");
}
