import { describe, expect, it } from "vitest";
import { type Case, millis } from "../lib/case.ts";
import type { Library } from "../lib/libraries.ts";
import { runWork, type Session } from "../lib/session.ts";

/** A library whose every case takes that long, and which notes in its report how many it was asked for. */
const library = (name: string, seconds: number, note?: string): Library => ({
  name,
  peer: name,
  threaded: true,
  missing: () => undefined,
  command: [
    process.execPath,
    "-e",
    `const { cases } = JSON.parse(process.argv[1]);
    for (const { name } of cases)
      console.log(JSON.stringify({ case: name, amount: ${seconds}, calls: 1, others: 0, note: "asked for " + cases.length }));`,
  ],
  ...(note === undefined ? {} : { note }),
});
const item = (name: string, rest: Partial<Case>): Case => ({ name, size: {}, ...millis, peers: [], ...rest });
const session = (peers: Library[]): Session => ({
  quick: true,
  ours: library("dl", 0.001, "Node v99"),
  peers,
  single: new Map(),
  say: () => undefined,
});

describe("runWork", () => {
  const cases = [
    item("alone", {}),
    item("shared", { peers: ["fast", "slow"] }),
    item("endless", { peers: ["fast", "slow"], tooSlow: ["slow"] }),
  ];

  it("asks each library for its own cases, and says which of them would take too long", async () => {
    const rows = await runWork(session([library("fast", 0.0005), library("slow", 0.01)]), "any", cases, 2);
    expect(rows.map(({ work, library, value, note }) => [work, library, value, note])).toEqual([
      ["alone", "dl", 1, "asked for 3; Node v99"],
      ["shared", "dl", 1, "asked for 3; Node v99"],
      ["shared", "fast", 0.5, "asked for 2"],
      ["shared", "slow", 10, "asked for 1"],
      ["endless", "dl", 1, "asked for 3; Node v99"],
      ["endless", "fast", 0.5, "asked for 2"],
      ["endless", "slow", null, "too slow: one call takes half a minute and more"],
    ]);
  });

  it("compares what is less where it is better", async () => {
    const rows = await runWork(session([library("fast", 0.0005)]), "any", cases.slice(1, 2), 2);
    expect(rows.map(({ oursOver }) => oursOver)).toEqual([1, 0.5]);
  });
});
