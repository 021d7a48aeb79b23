// One aligned table of the rows, for people.
import type { Row } from "./rows.ts";

const header = ["work", "library", "threads", "value", "unit", "we are", "note"];
const rightAligned = new Set([2, 3, 5]);

/** Three figures below a thousand, whole numbers above. */
const figure = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US").replaceAll(",", " ") : value.toPrecision(3);

const cells = (row: Row): string[] => [
  row.work,
  row.library,
  String(row.threads),
  row.value === null ? "–" : figure(row.value),
  row.unit,
  row.oursOver === null ? "–" : `${figure(row.oursOver)} ×`,
  row.note ?? "",
];

export function table(rows: readonly Row[]): string {
  const lines = [header, ...rows.map(cells)];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const format = (line: readonly string[]) =>
    line.map((cell, column) =>
      rightAligned.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
  return lines.map((line) => format(line).join("  ").trimEnd()).join("\n");
}
