import { describe, expect, test } from "vitest";
import { crowdedBetween, type Usage, watchCrowding } from "../src/runtime/crowding.ts";

const usage = (milliseconds: number, switches: number): Usage => ({
  userCPUTime: 900 * milliseconds,
  systemCPUTime: 100 * milliseconds,
  involuntaryContextSwitches: switches,
});

/** Of two threads within 200 ms. */
const crowded = (computed: number, switches: number): boolean =>
  crowdedBetween(usage(1000, 50), usage(1000 + computed, 50 + switches), 200, 2);

describe("crowding", () => {
  test("is a core taken away more than once in 2.5 ms of computing", () => {
    expect(crowded(200, 0)).toBe(false);
    expect(crowded(200, 79)).toBe(false);
    expect(crowded(200, 81)).toBe(true);
  });

  test("is nothing where the threads get nearly all of their cores", () => {
    expect(crowded(290, 200)).toBe(true);
    expect(crowded(310, 200)).toBe(false);
  });

  test("is nothing where the process did not compute", () => {
    expect(crowded(0, 0)).toBe(false);
  });
});

/** A watch over a machine that the test plays; `pass` computes for a while, and then so many tasks ask. */
function machine(tasks: number) {
  let [now, switches, readings] = [0, 0, 0];
  const read = (): Usage => {
    readings++;
    return usage(now, switches);
  };
  const watch = watchCrowding(read, () => now);
  const ask = (): boolean => Array.from({ length: tasks }, () => watch(2)).at(-1)!;
  ask();
  return {
    readings: () => readings,
    pass(milliseconds: number, taken: number): boolean {
      now += milliseconds;
      switches += taken;
      return ask();
    },
  };
}

describe("a watch", () => {
  test("sees others come, and judges again after ten windows", () => {
    const { pass } = machine(16);
    const quiet = (windows: number): boolean[] => Array.from({ length: windows }, () => pass(100, 5));
    expect(quiet(12)).not.toContain(true);
    expect(pass(100, 60)).toBe(true);
    expect(quiet(5)).not.toContain(false);
    expect(pass(100, 60)).toBe(true);
    expect(quiet(3)).not.toContain(false);
    expect(quiet(3)).not.toContain(true);
    expect(pass(100, 60)).toBe(true);
  });

  test("keeps its answer within a window, and counts what was taken meanwhile", () => {
    const { pass, readings } = machine(16);
    expect(pass(50, 25)).toBe(false);
    expect(readings()).toBe(1);
    expect(pass(50, 25)).toBe(true);
    expect(pass(99, 0)).toBe(true);
    expect(readings()).toBe(2);
  });

  test("leaves the clock alone in most tasks", () => {
    let looks = 0;
    const watch = watchCrowding(
      () => usage(0, 0),
      () => 1000 * looks++,
    );
    for (let i = 0; i < 160; i++) watch(2);
    expect(looks).toBeLessThanOrEqual(20);
    expect(looks).toBeGreaterThanOrEqual(10);
  });

  test("is never crowded where the host counts nothing", () => {
    let switches = 0;
    expect(watchCrowding(undefined)(2)).toBe(false);
    const watch = watchCrowding(
      () => usage(100 * ++switches, 0),
      () => 100 * switches,
    );
    expect(Array.from({ length: 64 }, () => watch(2))).not.toContain(true);
  });
});
