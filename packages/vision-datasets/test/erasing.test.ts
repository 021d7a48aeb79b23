import "@dl/backend-cpu";
import { manualSeed, ones, type Tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { RawImage, transforms } from "../src/index.ts";

const { RandomErasing } = transforms;

/** How many rows and columns of a channel differ from 0. */
const extent = (x: Tensor): unknown[] => [-1, -2].map((dim) => x.select(0, 0).ne(0).any(dim).sum().item());

describe("RandomErasing", () => {
  // Recorded from torchvision 0.14, whose rectangle is certain where both ranges are one number.
  it.each([
    [10, 12, 0.2, 1, [5, 5]],
    [28, 28, 0.1, 3, [15, 5]],
    [9, 20, 0.33, 0.3, [4, 14]],
    [5, 5, 0.02, 3, [0, 0]],
    [4, 30, 0.3, 2.5, [0, 0]],
    [6, 6, 0.9, 3.3, [0, 0]],
  ])("of %d x %d, %d of the area with a ratio of %d: %o", (height, width, scale, ratio, expected) => {
    const erase = new RandomErasing(1, [scale, scale], [ratio, ratio], 1);
    expect(extent(erase(zeros(1, height, width)))).toEqual(expected);
  });

  it("takes every place there is, as the seed has it", () => {
    manualSeed(0);
    const erase = new RandomErasing({ p: 1, scale: [0.25, 0.25], ratio: [1, 1], value: 1 });
    const sums = Array.from({ length: 200 }, () => erase(zeros(1, 4, 4))).reduce((sum, x) => sum.add(x));
    expect(extent(sums)).toEqual([4, 4]);
    expect(sums.sum().item()).toBe(800);
  });

  it("writes a number, one for each channel, or random ones, into a copy or in place", () => {
    const x = zeros(2, 2, 3, 8, 8);
    const options = { p: 1, scale: [0.25, 0.25], ratio: [1, 1] } as const;
    const made = new RandomErasing({ ...options, value: [1, 2, 3] })(x);
    expect(made.amax([0, 1, 3, 4]).toArray()).toEqual([1, 2, 3]);
    expect([made.shape, x.sum().item()]).toEqual([x.shape, 0]);
    const random = new RandomErasing({ ...options, value: "random", inplace: true })(x);
    expect(random).toBe(x);
    expect(x.ne(0).sum().item()).toBe(4 * 3 * 16);
    expect(() => new RandomErasing({ ...options, value: [1, 2] })(x)).toThrow("has 2 values for 3 channels");
    expect(new RandomErasing(0)(x)).toBe(x);
  });

  it("prints as torchvision's", () => {
    expect(String(new RandomErasing())).toBe(
      "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False)",
    );
    expect(String(new RandomErasing({ value: [1, 2, 3] }))).toContain("value=(1, 2, 3)");
  });

  it.each([
    [() => new RandomErasing(2), "RandomErasing: p is 2, needs a probability from 0 to 1"],
    [() => new RandomErasing({ scale: [0, 2] }), "RandomErasing: scale is [0, 2], needs [least, most] from 0 to 1"],
    [() => new RandomErasing({ ratio: [2, 1] }), "RandomErasing: ratio is [2, 1], needs [least, most] above 0"],
    [() => new RandomErasing({ ratio: 1 as never }), "RandomErasing: ratio is 1, needs [least, most] above 0"],
    [() => new RandomErasing({ value: "black" as never }), 'RandomErasing: value is "black", needs a number, one for'],
    [() => new RandomErasing()(ones(2, 2)), "RandomErasing: needs a tensor [..., channels, height, width], got [2, 2]"],
    [
      () => new RandomErasing()(new RawImage(new Uint8Array(1), 1, 1) as never),
      "RandomErasing: needs a tensor, got a RawImage. Put ToTensor before it",
    ],
  ])("%s", (make, message) => {
    expect(make).toThrow(message);
  });
});
