import { getNumThreads } from "@dl/backend-cpu";
import { expect, test, vi } from "vitest";
import { Engine } from "../src/runtime/engine.ts";
import { Memory } from "../src/runtime/memory.ts";
import { Threads } from "../src/runtime/threads.ts";

test("DL_NUM_THREADS sets the number of threads, if it is one", () => {
  const before = getNumThreads();
  for (const [value, count] of [
    ["3", 3],
    ["0", before],
    ["many", before],
    ["1000", 256],
  ] as const) {
    vi.stubEnv("DL_NUM_THREADS", value);
    expect(new Threads(new Engine(new Memory())).count, value).toBe(count);
  }
  vi.unstubAllEnvs();
});
