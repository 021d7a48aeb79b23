import { expect, test } from "vitest";
import { belowFloors, raiseFloors } from "../src/floors.ts";
import { camel } from "../src/names.ts";
import { evaluate } from "../src/python/interpreter.ts";
import { arrange, arrangeNew } from "../src/signature.ts";

test.each([
  ["take_along_dim", "takeAlongDim"],
  ["add_", "add_"],
  ["masked_fill_", "maskedFill_"],
  ["max_pool2d", "maxPool2d"],
  ["T_max", "TMax"],
  ["in1_features", "in1Features"],
  ["log1p", "log1p"],
])("%s is %s here", (name, expected) => {
  expect(camel(name)).toBe(expected);
});

test("keywords go where a function has such a parameter, the others into its options", () => {
  function forward(_input: number, _hidden?: number, { scale = 1 }: { scale?: number } = {}): number {
    return scale;
  }
  expect(arrange(forward, [1], { _hidden: 2 })).toEqual([1, 2]);
  expect(arrange(forward, [1], { scale: 3, _hidden: 2 })).toEqual([1, 2, { scale: 3 }]);
  class Base {
    readonly size: number;
    constructor(size: number, _step_size: number) {
      this.size = size;
    }
  }
  class Derived extends Base {}
  expect(arrangeNew(Derived, [1], { stepSize: 2 })).toEqual([1, { stepSize: 2 }]);
  expect(arrangeNew(Derived, [], { size: 2 })).toEqual([2]);
});

test.each([
  ["0.9 + 0.01*(e%3)", 0.91],
  ["0.95**e", 0.95 ** 4],
  ["1/(1+0.1*e)", 1 / 1.4],
  ["-e**2", -16],
  ["e//3*2 - 1", 1],
])("%s is computed as Python does", (text, expected) => {
  expect(evaluate(text, { e: 4 })).toBeCloseTo(expected, 12);
});

test("an expression that is not understood is unsupported", () => {
  expect(() => evaluate("e e", { e: 1 })).toThrow();
  expect(() => evaluate("{1, 2}", {})).toThrow();
});

const counts = { failed: 1, unsupported: 0, failedIds: ["ops/7"], unsupportedIds: [] };

test("a family below its floor is named, with what did not pass", () => {
  expect(belowFloors({ ops: { ...counts, passed: 9 } }, { ops: 10 })).toEqual([
    "ops: 9 passed, the floor is 10. Not passing: ops/7",
  ]);
  expect(belowFloors({ ops: { ...counts, passed: 10 } }, { ops: 10 })).toEqual([]);
  expect(belowFloors({}, { ops: 10 })).toHaveLength(1);
});

test("floors rise and never fall", () => {
  expect(raiseFloors({ ops: { ...counts, passed: 9 } }, { ops: 10, sched: 3 })).toEqual({ ops: 10, sched: 3 });
  expect(raiseFloors({ ops: { ...counts, passed: 12 } }, { ops: 10 })).toEqual({ ops: 12 });
});
