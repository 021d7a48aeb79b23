/** ★ The families: one row each. */
import type { Family } from "../family.ts";
import { errors } from "./errors.ts";
import { indexing } from "./indexing.ts";
import { ops } from "./ops.ts";
import { print } from "./print.ts";
import { promotion } from "./promotion.ts";

export const families: Readonly<Record<string, Family<never>>> = {
  ops,
  errors,
  print,
  index: indexing,
  promotion,
};
