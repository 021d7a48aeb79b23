/** The recorded programs, ported by hand, by id. */
import { autograd } from "./autograd.ts";
import { extra } from "./extra/index.ts";
import { functions } from "./functions.ts";
import { memory, reading } from "./memory.ts";
import { modules } from "./modules.ts";
import type { Programs } from "./program.ts";

export const programs: Programs = { ...autograd, ...extra, ...functions, ...memory, ...modules, ...reading };
