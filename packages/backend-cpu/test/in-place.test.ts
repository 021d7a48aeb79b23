/** Long results that are written in place: what waits is computed where it belongs. */
import { memory, noGrad, resetPeakMemoryStats, scope, type Tensor, tidy } from "@dl/tensor";
import { expect, test } from "vitest";
import "../src/index.ts";
import { around, bytes, columns, first, rows, slice, values } from "./long.ts";

test("what is written in place is not made anywhere else first", () => {
  const [x, y] = [values(1, [rows, columns]), values(2, [rows, columns])];
  const start = [x, y].map(first) as [number, number];
  const places: readonly (() => Tensor)[] = [
    () => x.clamp_(-2, 2),
    () => x.addcmul_(y, y, 0.5),
    () => x.lerp_(y, 0.25),
    () => x.maskedFill_(y.gt(0), 3),
    () => x.narrow(0, 1, 8).clamp_(-1, 1),
  ];
  const run = (): void => noGrad(() => places.forEach((place) => void scope(() => place())));
  run();
  run();
  resetPeakMemoryStats();
  const { peak } = memory();
  run();
  expect(memory().peak - peak).toBeLessThan(rows * columns);
  expect([x, y].map(first)).not.toEqual(start);
});

test("what is done in place to a result that waits, waits with it", () => {
  const [x, y] = [values(1, [rows, columns]), values(2, [rows, columns])];
  const run = (): Tensor[] => {
    const sum = x.mul(2);
    const reader = sum.add(1);
    return [sum.add_(y).mul_(sum), reader];
  };
  run();
  const start = memory().bytes;
  const [sum, reader] = run() as [Tensor, Tensor];
  // The reader's elements alone.
  expect(memory().bytes - start).toBeLessThan(1.5 * 4 * rows * columns);
  const [a, b] = [x, y].map(first) as [number, number];
  const total = Math.fround(Math.fround(a * 2) + b);
  expect([first(sum), first(reader)]).toEqual([Math.fround(total * total), Math.fround(Math.fround(a * 2) + 1)]);
});

test("slices that are added up are written once, where they belong", () => {
  const x = values(1, [32, columns]);
  const parts = (): Tensor[] => [0, 1500, 2596].map((first) => tidy(() => around(slice(x, first).mul(2), first)));
  const expected = parts().map((part) => scope(() => part.mul(1)));
  const sum = expected[0]!.clone().add_(expected[1]!).add_(expected[2]!);
  const apart = expected[0]!.add(expected[1]!);
  const run = (): boolean[] => {
    const result = tidy(() => {
      const [first, ...others] = parts();
      for (const part of others) first!.add_(part);
      return first!;
    });
    const two = tidy(() => {
      const [first, second] = parts();
      return first!.add_(second!);
    });
    // The last part meets the one before.
    return scope(() => [bytes(result).equals(bytes(sum)), bytes(two).equals(bytes(apart))]);
  };
  expect(scope(run)).toEqual([true, true]);
  resetPeakMemoryStats();
  const { peak } = memory();
  expect(scope(run)).toEqual([true, true]);
  expect(memory().peak - peak).toBeLessThan(2.5 * 4 * x.numel());
});

test("what was copied and is kept has its elements after the copy changes, and so has what it was made of", () => {
  const [x, y] = [values(1, [rows, columns]), values(2, [rows, columns])];
  const [a, b] = [x, y].map(first) as [number, number];
  const middle = x.mul(2);
  const [result, reader] = [middle.add(y), middle.sub(y)];
  const later = result.mul(4);
  x.copy_(result);
  expect(first(x)).toBe(Math.fround(Math.fround(a * 2) + b));
  x.fill_(7);
  expect(first(result)).toBe(Math.fround(Math.fround(a * 2) + b));
  expect(first(later)).toBe(first(result) * 4);
  expect([first(middle), first(reader)]).toEqual([Math.fround(a * 2), Math.fround(Math.fround(a * 2) - b)]);
  const turned = y.flip(0).add(y);
  const sum = first(turned);
  y.copy_(y.flip(0).add(y));
  expect([first(y), first(turned)]).toEqual([sum, sum]);
});
