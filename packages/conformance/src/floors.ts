/** What once passed must go on passing: the least number of each family, which may only rise. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Report } from "./run.ts";

export type Floors = Readonly<Record<string, number>>;

const floorsFile: string = fileURLToPath(new URL("../floors.json", import.meta.url));

export function readFloors(file: string = floorsFile): Floors {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Floors) : {};
}

/** Identifiers in a message. */
const shown = 20;

/** Families below their floor, each with what to look at. */
export function belowFloors(report: Report, floors: Floors): string[] {
  return Object.entries(floors).flatMap(([family, floor]) => {
    const passed = report[family]?.passed ?? 0;
    if (passed >= floor) return [];
    const ids = [...(report[family]?.failedIds ?? []), ...(report[family]?.unsupportedIds ?? [])];
    const more = ids.length > shown ? ` and ${ids.length - shown} more` : "";
    return [
      `${family}: ${passed} passed, the floor is ${floor}. Not passing: ${ids.slice(0, shown).join(", ")}${more}`,
    ];
  });
}

/** Each floor at the height reached, never lower than it was. */
export function raiseFloors(report: Report, floors: Floors): Floors {
  const raised: Record<string, number> = { ...floors };
  for (const [family, { passed }] of Object.entries(report)) raised[family] = Math.max(passed, floors[family] ?? 0);
  return raised;
}

export function writeFloors(floors: Floors, file: string = floorsFile): void {
  writeFileSync(file, `${JSON.stringify(floors, null, 2)}\n`);
}
