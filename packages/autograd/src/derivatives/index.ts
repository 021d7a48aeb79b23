/** ★ Every derivative of the library: a row per op, exhaustive by type. */
import type { Op } from "@dl/tensor";
import { arithmetic } from "./arithmetic.ts";
import { elementwise } from "./elementwise.ts";
import { fused } from "./fused.ts";
import { indexing } from "./indexing.ts";
import { linalg } from "./linalg.ts";
import { movement } from "./movement.ts";
import { reductions } from "./reduce.ts";
import type { Rules } from "./rule.ts";
import { windows } from "./windows.ts";

export const derivatives: Rules<Op> = {
  ...elementwise,
  ...arithmetic,
  ...reductions,
  ...movement,
  ...linalg,
  ...indexing,
  ...windows,
  ...fused,
};
