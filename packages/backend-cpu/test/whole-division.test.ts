import "@dl/backend-cpu";
import { fromArray, rawData, type Tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";

const edges = [
  0n,
  1n,
  -1n,
  2n,
  -3n,
  7n,
  2n ** 31n - 1n,
  -(2n ** 31n),
  2n ** 51n - 1n,
  -(2n ** 51n) - 1n,
  2n ** 62n + 3n,
];
const all = [...edges, 2n ** 52n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 12_345_678_901_234n, -99_999_999_999n, 1000n];
const pairs = all.flatMap((a) => all.filter((b) => b !== 0n).map((b) => [a, b] as const));

const divided = (a: bigint, b: bigint): bigint => a / b - BigInt(a % b !== 0n && a < 0n !== b < 0n);
const rows: readonly [string, (a: Tensor, b: Tensor) => Tensor, (a: bigint, b: bigint) => bigint][] = [
  ["floorDivide", (a, b) => a.floorDivide(b), divided],
  ["remainder", (a, b) => a.remainder(b), (a, b) => a - divided(a, b) * b],
  ["fmod", (a, b) => a.fmod(b), (a, b) => a % b],
  ["div, towards zero", (a, b) => a.div(b, { roundingMode: "trunc" }), (a, b) => a / b],
];

describe.each(rows)("%s of whole numbers", (_, op, exact) => {
  it.each([64, 32] as const)("is exact for int%i, far and near", (bits) => {
    const cut = (x: bigint): bigint => BigInt.asIntN(bits, x);
    const inside = pairs.map(([a, b]) => [cut(a), cut(b)] as const).filter(([, b]) => b !== 0n);
    const column = (k: 0 | 1): Tensor =>
      fromArray(
        BigInt64Array.from(inside, (pair) => pair[k]),
        [inside.length],
      ).to(`int${bits}`);
    const got = rawData(op(column(0), column(1)).to("int64"), "test") as BigInt64Array;
    expect([...got]).toEqual(inside.map(([a, b]) => cut(exact(a, b))));
  });
});
