export type { SchedulerState } from "../state-dict.ts";
export { LRScheduler } from "./base.ts";
export * from "./combined.ts";
export * from "./cosine.ts";
export * from "./cyclic.ts";
export type { PerGroup } from "./momentum.ts";
export * from "./one-cycle.ts";
export * from "./plateau.ts";
export * from "./simple.ts";
