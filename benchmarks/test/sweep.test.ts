import { readFileSync } from "node:fs";
import { functional } from "@dl/nn";
import * as dl from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { type Row, rowOf } from "../lib/rows.ts";
import { summary } from "../lib/summary.ts";
import { sweeps } from "../lib/sweep.ts";
import { translate } from "../works/sweep.ts";
import { inputNames, inputsOf } from "../works/sweep-inputs.ts";

const cases = Object.values(sweeps).flat();
const texts = [...new Set(cases.map(({ call }) => call!.text))];

/** The names behind `prefix` and in front of a parenthesis. */
const called = (text: string, prefix: string): string[] =>
  [...text.matchAll(new RegExp(`${prefix}(\\w+)(?=\\()`, "g"))].map(([, name]) => name!);

describe("a row's words", () => {
  it("are translated with their keywords, methods and constants", () => {
    expect(translate('F.pad(planes, [1, 1], mode="reflect")')).toBe('F.pad(planes, [1, 1], { mode: "reflect" })');
    expect(translate("F.batch_norm(x, None, training=True, weight=row)")).toBe(
      "F.batchNorm(x, null, { training: true, weight: row })",
    );
    expect(translate("special.i0(x.masked_fill_(mask, 2))")).toBe("dl.special.i0(x.maskedFill_(mask, 2))");
    expect(translate("bincount(picks.flatten())")).toBe("dl.bincount(picks.flatten())");
  });

  it("name functions and methods that we have", () => {
    const ours = texts.map(translate);
    for (const text of ours) expect(() => new Function(text), text).not.toThrow();
    const missing = (prefix: string, home: object) =>
      ours.flatMap((text) => called(text, prefix)).filter((name) => !(name in home));
    expect(missing("\\bdl\\.", dl)).toEqual([]);
    expect(missing("\\bF\\.", functional)).toEqual([]);
    expect(missing("(?<!\\b(?:dl|F|special|linalg))\\.", dl.Tensor.prototype)).toEqual([]);
  });

  it("name inputs that both sides make", () => {
    const python = readFileSync(new URL("../peers/pytorch/sweep.py", import.meta.url), "utf8");
    const theirs = [...python.matchAll(/^ {4}"(\w+)": /gm)].map(([, name]) => name);
    expect(theirs).toEqual(inputNames);
    const used = new Set(texts.flatMap(inputsOf));
    expect(inputNames.filter((name) => !used.has(name))).toEqual([]);
  });
});

describe("the summary", () => {
  const item = cases.find(({ name }) => name === "sweep-unary-exp-x-float32")!;
  const row = (work: string, threads: number, ratio: number): Row => {
    const report = (amount: number) => ({ case: work, amount, calls: 3, others: 0 });
    return rowOf({ ...item, name: work }, "pytorch", threads, report(ratio), report(1));
  };

  it("counts rows by their worse number of threads, and lists the low ones, the lowest first", () => {
    const rows = [
      row("a", 1, 2),
      row("a", 2, 0.79),
      row("b", 1, 0.8),
      row("b", 2, 3),
      row("c", 1, 0.2),
      row("c", 2, 1),
    ];
    expect(summary(rows)).toBe(
      [
        "c  0.20 on 1, 1.00 on 2",
        "a  2.00 on 1, 0.79 on 2",
        "3 rows compared: 1 at 0.8 and above, 1 from 0.5, 1 below",
        "",
      ].join("\n"),
    );
  });

  it("says what cannot be done", () => {
    const silent = rowOf(item, "pytorch", 1, { case: item.name, cannot: "no kernel" }, undefined);
    expect(summary([silent])).toContain(`${item.name}, pytorch on 1: no kernel\n0 rows compared`);
  });
});
