import { expect, test, vi } from "vitest";
import { engine } from "../src/runtime/index.ts";
import { check as checkConv } from "./dense-conv-check.ts";
import { check as checkGemm } from "./dense-gemm-check.ts";

// A host without relaxed SIMD: other tiles, multiplication and addition apart.
vi.mock("../src/runtime/features.ts", () => ({ detectFeatures: () => ({ simd: true, relaxedSimd: false }) }));

test("matrices and convolutions need no relaxed SIMD", () => {
  expect(engine.features.relaxedSimd).toBe(false);
  const plain = { transposeA: false, transposeB: false, gap: 0, mode: "plain" } as const;
  for (const type of ["f32", "f64"] as const) {
    checkGemm({ ...plain, type, m: 64, n: 67, k: 65, count: 2 });
    checkGemm({ ...plain, type, m: 3, n: 67, k: 65, count: 1, transposeB: true });
    checkConv({
      type,
      shape: {
        ...{ batch: 2, inChannels: 6, outChannels: 14, groups: 2, input: [11, 13], kernel: [3, 3] },
        ...{
          stride: [1, 2],
          padding: [
            [1, 1],
            [1, 0],
          ] as const,
          dilation: [1, 1],
        },
      },
    });
  }
});
