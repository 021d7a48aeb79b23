/** Pixels against those of torchvision 0.14 and PIL 9.4; picture i has the bytes i² · 37 + i · 11. */
import "@dl/backend-cpu";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { manualSeed, ones, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { RawImage, transforms } from "../src/index.ts";

const { RandomRotation } = transforms;

interface Case {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly angle: number;
  readonly center: [number, number] | null;
  readonly fill: number;
  readonly image: readonly number[];
  readonly tensor: readonly number[];
}
const cases: readonly Case[] = JSON.parse(readFileSync(join(import.meta.dirname, "fixtures/rotation.json"), "utf8"));

describe("RandomRotation", () => {
  it.each(cases)("by $angle of $height x $width x $channels around $center", (row) => {
    const { channels, height, width, angle, center, fill } = row;
    const data = Uint8Array.from({ length: height * width * channels }, (_, i) => i * i * 37 + i * 11);
    const turn = new RandomRotation([angle, angle], { center, fill });
    expect([...turn(new RawImage(data, height, width, channels)).data]).toEqual(row.image);
    const x = tensor([...data], { dtype: "uint8" })
      .view(height, width, channels)
      .permute(2, 0, 1);
    const made = turn(x);
    expect([made.shape, made.dtype, made.flatten().toArray()]).toEqual([x.shape, "uint8", row.tensor]);
  });

  it("draws angles between its bounds, as the seed has it", () => {
    const turns = (): number[] => {
      manualSeed(3);
      const turn = new RandomRotation(90, { fill: -1 });
      return Array.from(
        { length: 20 },
        () =>
          turn(ones(1, 9, 9))
            .sum()
            .item() as number,
      );
    };
    expect(turns()).toEqual(turns());
    expect(new Set(turns()).size).toBeGreaterThan(3);
    expect(
      new RandomRotation(0)(ones(2, 1, 3, 4))
        .sum()
        .item(),
    ).toBe(24);
  });

  it("prints as torchvision's", () => {
    expect([String(new RandomRotation(10)), String(new RandomRotation([1, 2], { center: [3, 4], fill: 5 }))]).toEqual([
      "RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)",
      "RandomRotation(degrees=[1.0, 2.0], interpolation=nearest, expand=False, center=(3, 4), fill=5)",
    ]);
  });

  it.each([
    [() => new RandomRotation(-1), "degrees is -1, needs a number from 0 up or [least, most]"],
    [() => new RandomRotation([1] as never), "degrees is [1], needs a number from 0 up or [least, most]"],
    [() => new RandomRotation(1, { center: 3 as never }), "center is 3, needs [x, y]"],
    [() => new RandomRotation(1, { expand: true as never }), 'got interpolation "nearest" and expand true, only'],
    [() => new RandomRotation(1, { fill: [1] as never }), "fill is [1], needs one number for all channels"],
    [
      () => new RandomRotation(1, { fill: 0.5 })(new RawImage(new Uint8Array(1), 1, 1)),
      "fill is 0.5, needs a whole number from 0 to 255 for a RawImage",
    ],
    [() => new RandomRotation(1)(zeros(2)), "needs a tensor [..., height, width], got shape [2]"],
  ])("%s", (make, message) => {
    expect(make).toThrow(`RandomRotation: ${message}`);
  });
});
