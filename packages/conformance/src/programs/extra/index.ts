/** The programs of `golden-extra`, by id. */
import type { Programs } from "../program.ts";
import { graphs } from "./graphs.ts";
import { training } from "./training.ts";
import { values } from "./values.ts";
import { writing } from "./writing.ts";

export const extra: Programs = { ...graphs, ...training, ...values, ...writing };
