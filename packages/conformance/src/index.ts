/**
 * Recorded PyTorch vectors against the packages.
 *
 * @packageDocumentation
 */
export { belowFloors, type Floors, raiseFloors, readFloors } from "./floors.ts";
export { familiesIn, readRecords } from "./golden.ts";
export type { Outcome, Status } from "./outcome.ts";
export type { Recorded, TensorSpec, Value } from "./records.ts";
export { type FamilyReport, type Report, type RunOptions, run, runFamily, summarize } from "./run.ts";
export { formatReport } from "./table.ts";
