/** ★ The families: one row each. */
import type { Family } from "../family.ts";
import { e2e } from "./e2e.ts";
import { errors } from "./errors.ts";
import { files } from "./files.ts";
import { indexing } from "./indexing.ts";
import { misc } from "./misc.ts";
import { modules } from "./modules.ts";
import { ops } from "./ops.ts";
import { optimizers } from "./optim.ts";
import { print } from "./print.ts";
import { programs } from "./programs.ts";
import { promotion } from "./promotion.ts";
import { schedulers } from "./sched.ts";

export const families: Readonly<Record<string, Family<never>>> = {
  ops,
  errors,
  modules,
  optim: optimizers,
  sched: schedulers,
  print,
  index: indexing,
  promotion,
  misc,
  programs,
  e2e,
  files,
};
