/** Beyond the addresses of a WebAssembly memory: errors that say what was wanted and what to do, and nothing broken. */
import { getMemoryLimit, setMemoryLimit } from "@dl/backend-cpu";
import { empty, memory, ones, scope, type Tensor, zeros } from "@dl/tensor";
import { afterEach, beforeEach, expect, test } from "vitest";
import { engine } from "../src/runtime/index.ts";

let before = 0;
beforeEach(() => {
  before = memory("cpu").bytes;
});
afterEach(() => {
  expect(memory("cpu").bytes).toBe(before);
  scope(() => expect(ones(3).add(ones(3)).toArray()).toEqual([2, 2, 2]));
});

function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

/** What follows asks for more than addresses of 32 bits reach. */
const narrow = test.skipIf(engine.options.wide);

narrow.each<[op: string, makes: string, (a: Tensor, b: Tensor) => Tensor]>([
  ["full", "5.4 GiB needed for full, which makes float32 [40000, 36000]", () => zeros(40000, 36000)],
  ["add", "5.4 GiB needed for add, which makes float32 [40000, 36000]", (a, b) => a.add(b)],
  ["matmul", "5.4 GiB needed for matmul, which makes float32 [40000, 36000]", (a, b) => a.matmul(b)],
  ["copy", "5.4 GiB needed for copy, which makes float32 [40000, 36000]", (a) => a.expand(40000, 36000).contiguous()],
  ["cast", "10.7 GiB needed for cast, which makes float64 [40000, 36000]", (a) => a.expand(40000, 36000).double()],
])("one tensor of more than 4 GiB: %s", (_, makes, f) => {
  const message = messageOf(() => scope(() => void f(ones(40000, 1), ones(1, 36000))));
  expect(message).toContain(`cpu: out of memory: ${makes}, `);
  expect(message).toMatch(
    / of 4\.0 GiB held by tensors \(.*\)\. Split the work into parts, or take a smaller dtype(, or raise the limit with DL_MEMORY64=1)?$/,
  );
});

narrow("tensors of more than 4 GiB together", () => {
  const fill = (): never => {
    for (;;) empty(512, 2 ** 20, { dtype: "uint8" });
  };
  const message = messageOf(() => scope(fill));
  expect(message).toContain("cpu: out of memory: 512 MiB needed, 3.5 GiB of 4.0 GiB held by tensors (7 of 512 MiB");
  expect(message).toMatch(
    /free results with using or dispose\(\), await reclaim\(\) between steps, make the batch smaller(, or raise the limit with DL_MEMORY64=1)?$/,
  );
});

test("below a limit of one's own, the remedy is to raise it", () => {
  const limit = getMemoryLimit();
  setMemoryLimit(2 ** 26);
  const message = messageOf(() => zeros(2 ** 25));
  setMemoryLimit(limit);
  expect(message).toMatch(/128 MiB needed .* or raise setMemoryLimit\(bytes\)$/);
});
