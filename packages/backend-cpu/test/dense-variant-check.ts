/** A few products and convolutions, for tests that make the engine look like another one. */
import { check as checkConv } from "./dense-conv-check.ts";
import { check as checkGemm, checkTogether } from "./dense-gemm-check.ts";

export function checkVariant(): void {
  const plain = { transposeA: false, transposeB: false, gap: 0, mode: "plain" } as const;
  for (const type of ["f32", "f64"] as const) {
    checkGemm({ ...plain, type, m: 64, n: 67, k: 65, count: 2 });
    checkTogether({ ...plain, type, m: 130, n: 67, k: 515, count: 1 });
    checkGemm({ ...plain, type, m: 100, n: 260, k: 150, count: 1, oneOf: 3 });
    checkGemm({ ...plain, type, m: 3, n: 67, k: 65, count: 1, transposeB: true });
    for (const [outChannels, width] of [
      [14, 13],
      [38, 37],
    ] as const) {
      checkConv({
        type,
        shape: {
          ...{ batch: 2, inChannels: 6, outChannels, groups: 2, input: [11, width], kernel: [3, 3] },
          ...{ stride: [1, 2], dilation: [1, 1] },
          padding: [
            [1, 1],
            [1, 0],
          ],
        },
      });
    }
  }
  const same = [1, 1] as const;
  checkConv({
    ...{ type: "f32", oneOf: 7 },
    shape: {
      ...{ batch: 2, inChannels: 36, outChannels: 6, groups: 1, input: [9, 12], kernel: [3, 3] },
      ...{ stride: same, padding: [same, same], dilation: same },
    },
  });
}
