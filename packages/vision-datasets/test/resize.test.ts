/** Sizes and pixels against those of torchvision 0.14 and PIL 9.4; picture i has the bytes i² · 37 + i · 11. */
import "@dl/backend-cpu";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { equal, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { RawImage, transforms } from "../src/index.ts";
import { batched } from "../src/transforms/batch.ts";

const { Compose, Resize, ToTensor } = transforms;

interface Case {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly size: number | [number, number];
  readonly maxSize: number | null;
  readonly shape: readonly [number, number, number];
  readonly image: readonly number[];
  readonly sharp: readonly number[];
  readonly smooth: readonly number[];
  readonly whole: readonly number[];
}
const cases: readonly Case[] = JSON.parse(readFileSync(join(import.meta.dirname, "fixtures/resize.json"), "utf8"));

const picture = ({ height, width, channels }: Case): RawImage =>
  new RawImage(
    Uint8Array.from({ length: height * width * channels }, (_, i) => i * i * 37 + i * 11),
    height,
    width,
    channels,
  );
const values = (x: Tensor): number[] => x.flatten().toArray() as number[];

describe.each(cases)("Resize($size) of $height x $width x $channels, at most $maxSize", (row) => {
  const { size, maxSize, shape } = row;

  it("gives raw pictures PIL's bytes", () => {
    const { data, ...made } = new Resize(size, { maxSize })(picture(row));
    expect(made).toEqual({ channels: shape[0], height: shape[1], width: shape[2] });
    expect([...data]).toEqual(row.image);
  });

  it("gives tensors torchvision's numbers", () => {
    const x = new ToTensor()(picture(row));
    for (const antialias of [true, false]) {
      const made = new Resize(size, "bilinear", maxSize, antialias)(x);
      expect(made.shape).toEqual(shape);
      const expected = antialias ? row.smooth : row.sharp;
      values(made).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 5);
      });
    }
    const bytes = new Resize({ size, maxSize, antialias: false })(x.mul(255).round().to("uint8"));
    expect(bytes.dtype).toBe("uint8");
    // What lies half way between two bytes goes where the order of sums has it.
    expect(values(bytes).every((value, i) => Math.abs(value - row.whole[i]!) <= 1)).toBe(true);
  });
});

describe("Resize", () => {
  it("is part of whole batches", () => {
    const image = picture({ ...cases[0]!, height: 6 });
    const chain = new Compose([new Resize(4), new ToTensor()]);
    expect(equal(batched(chain)!(image).squeeze(0), chain(image))).toBe(true);
  });

  it("prints as torchvision's", () => {
    expect(String(new Resize(4))).toBe("Resize(size=4, interpolation=bilinear, max_size=None, antialias=True)");
    expect(String(new Resize([4, 5]))).toContain("Resize(size=(4, 5), ");
  });

  it.each([
    [() => new Resize(0), "Resize: size is 0, needs 1 or 2 whole numbers above 0"],
    [() => new Resize([1, 2, 3] as never), "Resize: size is [1, 2, 3], needs 1 or 2 whole numbers above 0"],
    [() => new Resize(4, "bicubic" as never), 'Resize: interpolation is "bicubic", only "bilinear" is offered'],
    [() => new Resize(4, { maxSize: 4 }), "Resize: maxSize is 4 for a size of 4. It bounds the longer side"],
    [() => new Resize([4, 4], { maxSize: 9 }), "Resize: maxSize is 9 for a size of [4, 4]. It bounds"],
    [() => new Resize(4)(tensor([1, 2])), "Resize: needs a tensor [..., height, width], got shape [2]"],
  ])("%s", (make, message) => {
    expect(make).toThrow(message);
  });
});
