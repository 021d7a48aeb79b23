import { expect, test } from "vitest";
import {
  divisions,
  pairs,
  rows,
  worstOf,
  worstOfAll,
  worstOfDivisions,
  worstOfPairs,
  worstOfPowers,
} from "./precision64-check.ts";

test.each(Object.entries(rows))("%s of float64 is as exact as promised", (name, [, , limit]) => {
  const op = name as keyof typeof rows;
  const near = worstOf(op);
  expect(near.units, `${op}(${near.at})`).toBeLessThanOrEqual(limit);
  const anywhere = worstOfAll(op);
  expect(anywhere.units, `${op}(${anywhere.at}), from the host's`).toBeLessThanOrEqual(limit + 1);
});

test.each(Object.keys(divisions) as (keyof typeof divisions)[])("%s of float64 is exact", (op) => {
  const { units, at } = worstOfDivisions(op);
  expect(units, `${op}(${at})`).toBe(0);
});

test("pow of float64 is within a unit of the last place", () => {
  const { units, at } = worstOfPowers();
  expect(units, `pow(${at})`).toBeLessThanOrEqual(1);
});

test.each(Object.keys(pairs) as (keyof typeof pairs)[])("%s of float64 at the edges", (op) => {
  const { units, at } = worstOfPairs(op);
  expect(units, `${op}(${at})`).toBeLessThanOrEqual(2);
});
