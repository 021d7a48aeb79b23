import { describe, expect, test } from "vitest";
import { crowdedBetween, type Usage, watchCrowding } from "../src/runtime/crowding.ts";

const usage = (milliseconds: number, switches: number): Usage => ({
  userCPUTime: 900 * milliseconds,
  systemCPUTime: 100 * milliseconds,
  involuntaryContextSwitches: switches,
});

describe("crowding", () => {
  test("is a core taken away more than once in 2.5 ms of computing", () => {
    expect(crowdedBetween(usage(1000, 50), usage(1200, 50))).toBe(false);
    expect(crowdedBetween(usage(1000, 50), usage(1200, 129))).toBe(false);
    expect(crowdedBetween(usage(1000, 50), usage(1200, 131))).toBe(true);
  });

  test("is less crowded the more of the machine computes undisturbed", () => {
    expect(crowdedBetween(usage(0, 0), usage(100, 50))).toBe(true);
    expect(crowdedBetween(usage(0, 0), usage(200, 50))).toBe(false);
  });

  test("is nothing where the process did not compute", () => {
    expect(crowdedBetween(usage(7, 3), usage(7, 3))).toBe(false);
  });
});

/** A watch over a machine that the test plays; `pass` computes for a while, and then so many tasks ask. */
function machine(tasks: number) {
  let [now, switches, readings] = [0, 0, 0];
  const read = (): Usage => {
    readings++;
    return usage(now, switches);
  };
  const crowded = watchCrowding(read, () => now);
  const ask = (): boolean => Array.from({ length: tasks }, crowded).at(-1)!;
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
  test("sees others come, and ten windows after the last of them that they have gone", () => {
    const { pass } = machine(16);
    const quiet = (windows: number): boolean[] => Array.from({ length: windows }, () => pass(100, 5));
    expect(quiet(12)).not.toContain(true);
    expect(pass(100, 60)).toBe(true);
    expect(quiet(5)).not.toContain(false);
    expect(pass(100, 60)).toBe(true);
    expect(quiet(9)).not.toContain(false);
    expect(quiet(3)).not.toContain(true);
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
    const crowded = watchCrowding(
      () => usage(0, 0),
      () => 1000 * looks++,
    );
    for (let i = 0; i < 160; i++) crowded();
    expect(looks).toBeLessThanOrEqual(20);
    expect(looks).toBeGreaterThanOrEqual(10);
  });

  test("is never crowded where the host counts nothing", () => {
    let switches = 0;
    expect(watchCrowding(undefined)()).toBe(false);
    const crowded = watchCrowding(
      () => usage(100 * ++switches, 0),
      () => 100 * switches,
    );
    expect(Array.from({ length: 64 }, crowded)).not.toContain(true);
  });
});
