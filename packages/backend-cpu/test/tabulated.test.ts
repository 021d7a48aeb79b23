/** Results of 16-bit numbers that are looked up are those that are computed. */
import { cat, fromBfloat16, fromFloat16, noGrad, type Tensor, tensor, where } from "@dl/tensor";
import { describe, expect, test } from "vitest";
import "../src/index.ts";
import { onOneAndThree } from "./on-threads.ts";

type Fn = (x: Tensor) => Tensor;

const from = { float16: fromFloat16, bfloat16: fromBfloat16 };
const ALL = 65536;
/** So few are computed. */
const FEW = 8192;

/** Every number five times, in another order, and some more. */
const inputs = (["float16", "bfloat16"] as const).map((dtype) => {
  const every = Float32Array.from({ length: 5 * ALL + 13 }, (_, i) => from[dtype]((i * 40503 + 77) & (ALL - 1)));
  const few = Array.from({ length: ALL / FEW }, (_, k) => tensor(every.subarray(k * FEW, (k + 1) * FEW), { dtype }));
  return { dtype, x: tensor(every, { dtype }), few };
});

const functions: Readonly<Record<string, Fn>> = {
  exp: (x) => x.exp(),
  rsqrt: (x) => x.rsqrt(),
  lgamma: (x) => x.lgamma(),
  "mul by a number": (x) => x.mul(0.3),
  silu: (x) => x.mul(x.sigmoid()),
  "leaky relu": (x) => where(x.gt(0), x, x.mul(0.01)),
  "a long chain": (x) => x.exp().log1p().mul(3).sub(x.sin()).tanh(),
  "beside another": (x) => x.mul(cat([x.neg()]).sigmoid()),
  "of a difference": (x) =>
    x
      .sub(cat([x.mul(0.5)]))
      .exp()
      .log1p()
      .add(x),
  cast: (x) => x.to(x.dtype === "float16" ? "bfloat16" : "float16"),
  "in place": (x) => x.clone().exp_(),
};

const numbers = (x: Tensor): number[] => x.toArray() as number[];

describe.each(inputs)("$dtype", ({ x, few }) => {
  test.each(Object.entries(functions))("%s", async (_, f) => {
    const parts = few.map((part) => numbers(noGrad(() => f(part))));
    const results = await onOneAndThree(() => [1, 2, 3].map(() => numbers(noGrad(() => f(x)))));
    for (const result of results.flat()) {
      const at = result.findIndex((y, i) => !Object.is(y, parts[((i % ALL) / FEW) | 0]![i % FEW]));
      expect(at < 0 ? "" : `element ${at}: ${result[at]}`).toBe("");
    }
  });

  test("other numbers have other results", () => {
    for (const factor of [3, 5, 3]) {
      const [result, part] = [numbers(x.pow(factor / 4)), numbers(few[0]!.pow(factor / 4))];
      expect(result.slice(0, FEW)).toEqual(part);
    }
  });
});
