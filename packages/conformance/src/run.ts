/** Runs a folder of recorded vectors on a device and counts. */
import { getDefaultDevice, scope, setDefaultDevice, withTypePromotion } from "@dl/tensor";
import { openDevice } from "./device.ts";
import { families } from "./families/index.ts";
import type { Family } from "./family.ts";
import { familiesIn, readRecords } from "./golden.ts";
import { judge, type Outcome } from "./outcome.ts";
import type { Recorded } from "./records.ts";

export interface RunOptions {
  /** The folder: index.json, `<family>.jsonl.gz`, files/. */
  readonly golden: string;
  readonly device?: string;
  /** Only these. */
  readonly families?: readonly string[];
}

export interface FamilyReport {
  passed: number;
  failed: number;
  unsupported: number;
  readonly failedIds: string[];
  readonly unsupportedIds: string[];
}

export type Report = Record<string, FamilyReport>;

/** How each record of a family went. @throws when the folder, a family or the device is not there */
export async function run(options: RunOptions): Promise<Map<string, Outcome[]>> {
  const there = familiesIn(options.golden);
  const wanted = options.families ?? there;
  const missing = wanted.find((family) => !there.includes(family));
  if (missing) throw new Error(`conformance: no family "${missing}" in ${options.golden}; it has ${there.join(", ")}`);
  const device = await openDevice(options.device ?? "cpu");
  const before = getDefaultDevice();
  setDefaultDevice(device);
  const results = new Map<string, Outcome[]>();
  try {
    for (const family of wanted)
      results.set(family, await runFamily(family, readRecords(options.golden, family), device));
  } finally {
    setDefaultDevice(before);
  }
  return results;
}

/** Every record is judged: those of a family that nobody knows are unsupported. */
export async function runFamily(name: string, records: readonly Recorded[], device: string): Promise<Outcome[]> {
  const family = families[name] as Family | undefined;
  const outcomes: Outcome[] = [];
  for (const record of records) {
    outcomes.push(
      family
        ? await judge(record.id, () => checkOne(family, record, device))
        : { id: record.id, status: "unsupported", reason: `family ${name}` },
    );
  }
  return outcomes;
}

/** Mixed dtypes may meet, as in PyTorch. What a record made is freed with it. */
function checkOne(family: Family, record: Recorded, device: string): void | Promise<void> {
  const { check } = family;
  if (family.async) return check(record, { device });
  withTypePromotion(() => scope(() => check(record, { device }) as undefined));
}

export function summarize(results: ReadonlyMap<string, readonly Outcome[]>): Report {
  const report: Report = {};
  for (const [family, outcomes] of results) {
    const ids = (status: Outcome["status"]): string[] => outcomes.filter((o) => o.status === status).map((o) => o.id);
    const [failedIds, unsupportedIds] = [ids("failed"), ids("unsupported")];
    report[family] = {
      passed: outcomes.length - failedIds.length - unsupportedIds.length,
      failed: failedIds.length,
      unsupported: unsupportedIds.length,
      failedIds,
      unsupportedIds,
    };
  }
  return report;
}
