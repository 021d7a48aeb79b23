import { describe, expect, it } from "vitest";
import type { Case } from "../lib/case.ts";
import { combine, rowOf } from "../lib/rows.ts";
import { table } from "../lib/table.ts";
import { median } from "../lib/timing.ts";
import { works } from "../lib/works.ts";

const timed = (name: string, amount: number, others = 0) => ({ case: name, amount, calls: 3, others });
const find = (name: string): Case => {
  const found = Object.values(works)
    .flat()
    .find((item) => item.name === name);
  if (!found) throw new Error(`no case ${name}`);
  return found;
};

describe("rowOf", () => {
  it("counts rates: half the time is twice the speed", () => {
    const row = rowOf(find("cnn-train"), "pytorch", 2, timed("cnn-train", 0.032), timed("cnn-train", 0.016));
    expect(row).toMatchObject({ value: 2000, unit: "images/s", higherIsBetter: true, oursOver: 2 });
  });

  it("counts times: oursOver is above 1 where we are faster here too", () => {
    const row = rowOf(find("small-op-plain"), "pytorch", 1, timed("x", 1.2e-6), timed("x", 0.3e-6));
    expect(row).toMatchObject({ value: 1.2, unit: "µs", higherIsBetter: false, oursOver: 4 });
  });

  it("counts operations and bytes", () => {
    expect(rowOf(find("sgemm-1024"), "dl", 1, timed("x", 0.02), undefined).value).toBe(107.4);
    expect(rowOf(find("elementwise-sum"), "dl", 1, timed("x", 0.001), undefined).value).toBe(16.78);
  });

  it("counts shares of what could be, and memory", () => {
    expect(rowOf(find("sgemm-512-share"), "dl", 1, timed("x", 4), undefined).value).toBe(25);
    expect(rowOf(find("memory-resident-64"), "dl", 1, timed("x", 12e6), undefined)).toMatchObject({
      value: 12,
      unit: "MB",
      higherIsBetter: false,
    });
  });

  it("has null and the reason where the library cannot do the work", () => {
    const row = rowOf(find("cnn-train"), "tfjs-wasm", 1, { case: "cnn-train", cannot: "no kernel" }, timed("x", 1));
    expect(row).toMatchObject({ value: null, oursOver: null, note: "no kernel" });
  });

  it("compares nothing where we have no figure", () => {
    const row = rowOf(find("cnn-train"), "pytorch", 1, timed("x", 1), { case: "x", cannot: "no build" });
    expect(row).toMatchObject({ value: 64, oursOver: null });
  });

  it("marks what was timed on a busy machine", () => {
    const row = rowOf(find("sgemm-256"), "jax-js", 1, timed("x", 1, 0.9), timed("x", 1), "one thread");
    expect(row.note).toBe("one thread; noisy: others used 0.9 cores");
    expect(rowOf(find("sgemm-256"), "jax-js", 1, timed("x", 1, 0.1), timed("x", 1)).note).toBeUndefined();
  });
});

describe("combine", () => {
  it("takes the median of the runs and the least quiet moment", () => {
    const runs = [timed("x", 3, 0.1), timed("x", 1), timed("x", 2, 0.5)];
    expect(combine(runs)).toEqual({ case: "x", amount: 2, calls: 9, others: 0.5 });
  });

  it("overlooks a run that failed, unless all did", () => {
    expect(combine([{ case: "x", cannot: "stopped" }, timed("x", 1)])).toMatchObject({ amount: 1 });
    expect(combine([{ case: "x", cannot: "stopped" }])).toEqual({ case: "x", cannot: "stopped" });
  });
});

it("median of even and odd counts", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

it("table aligns its columns", () => {
  const rows = [
    rowOf(find("cnn-train"), "dl", 1, timed("x", 0.02), timed("x", 0.02)),
    rowOf(find("cnn-train"), "tfjs-wasm", 1, { case: "x", cannot: "no kernel" }, timed("x", 0.02)),
  ];
  expect(table(rows)).toBe(
    [
      "work       library    threads  value  unit      we are  note",
      "cnn-train  dl               1  3 200  images/s  1.00 ×",
      "cnn-train  tfjs-wasm        1      –  images/s       –  no kernel",
    ].join("\n"),
  );
});
