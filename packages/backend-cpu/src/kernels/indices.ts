/** A look at indices before, or after, they are used. */
import { engine } from "../runtime/index.ts";
import { buildCheck } from "./indexing-loops.ts";

/** Which of `count` packed indices is the first outside of a dimension; `count` if none is. */
export function firstOutside(address: number, count: number, size: number): number {
  return engine.module<"firstOutside">("indices", buildCheck).firstOutside(address, count, size);
}
