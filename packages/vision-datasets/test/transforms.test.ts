import "@dl/backend-cpu";
import { inspect } from "node:util";
import { equal, manualSeed, ones, type Tensor, tensor, zeros } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RawImage, transforms } from "../src/index.ts";
import { batched } from "../src/transforms/batch.ts";
import { mirrored, type Picture, withMargins } from "../src/transforms/picture.ts";

const {
  CenterCrop,
  Compose,
  Grayscale,
  Lambda,
  Normalize,
  Pad,
  RandomCrop,
  RandomHorizontalFlip,
  RandomVerticalFlip,
  ToTensor,
} = transforms;

/** Pixels numbered from 1, row by row. */
const numbered = (height: number, width: number, channels = 1): RawImage =>
  new RawImage(
    Uint8Array.from({ length: height * width * channels }, (_, i) => i + 1),
    height,
    width,
    channels,
  );
const rows = ({ data, height, width }: RawImage): number[][] =>
  Array.from({ length: height }, (_, y) => [...data.subarray(y * width, (y + 1) * width)]);
const pictures = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.constantFrom(1, 3))
  .map(([height, width, channels]) => numbered(height, width, channels));
const bytes = (x: Tensor): unknown => x.mul(255).round().toArray();

describe("ToTensor", () => {
  it("puts channels first and divides by 255", () => {
    const x = new ToTensor()(new RawImage(Uint8Array.of(0, 51, 102, 153, 204, 255), 1, 2, 3));
    expect([x.dtype, x.shape]).toEqual(["float32", [3, 1, 2]]);
    expect(String(x)).toBe(
      "tensor([[[0.0000, 0.6000]],\n\n        [[0.2000, 0.8000]],\n\n        [[0.4000, 1.0000]]])",
    );
  });

  it("wants a picture", () => {
    expect(() => new ToTensor()(zeros(1, 2, 2) as never)).toThrow("ToTensor: needs a RawImage, got a tensor");
    expect(() => new RawImage(new Uint8Array(3), 2, 2)).toThrow(
      "RawImage: 3 bytes do not fill 2 x 2 pixels of 1 channels",
    );
  });

  it.each([
    [new Uint8Array(4), [-2, -2], "got -2 x -2 pixels of 1 channels, needs whole numbers above 0"],
    [new Uint8Array(3), [1.5, 2], "got 1.5 x 2 pixels of 1 channels, needs"],
    [new Uint8Array(0), [2, 2, 0], "got 2 x 2 pixels of 0 channels, needs"],
    [new Float32Array(4), [2, 2], "data is a Float32Array, needs a Uint8Array"],
  ])("wants whole sizes and bytes: %o, %o", (data, sizes, message) => {
    expect(() => new RawImage(data as Uint8Array, ...(sizes as [number, number]))).toThrow(`RawImage: ${message}`);
  });
});

describe("Normalize", () => {
  it("takes a mean and a std for each channel, or one for all", () => {
    const x = tensor([[[1, 3]], [[5, 7]]], { dtype: "float32" });
    expect(new Normalize([1, 5], [2, 4])(x).toArray()).toEqual([[[0, 1]], [[0, 0.5]]]);
    expect(new Normalize([1], [2])(x).toArray()).toEqual([[[0, 1]], [[2, 3]]]);
  });

  it("takes numbers and tensors, by position and by name", () => {
    const x = ones(2, 1, 1);
    expect(new Normalize(0.5, 0.25)(x).toArray()).toEqual([[[2]], [[2]]]);
    expect(new Normalize(tensor([0.5, 1]), { std: [0.25, 1] })(x).toArray()).toEqual([[[2]], [[0]]]);
    expect(String(new Normalize({ mean: tensor(0.5), std: 1 }))).toBe("Normalize(mean=(0.5,), std=(1.0,))");
  });

  it("refuses what cannot be meant", () => {
    expect(() => new Normalize([1], [1])(numbered(2, 2) as never)).toThrow(
      "Normalize: needs a tensor, got a RawImage. Put ToTensor before it",
    );
    expect(() => new Normalize([0.5], ["1"] as never)).toThrow(
      'Normalize: std is ["1"], needs a number, a list of numbers or a 1-d tensor',
    );
    expect(() => new Normalize([0.5], [0])).toThrow("Normalize: std [0] has a 0 to divide by");
    expect(() => new Normalize([0.5, 0.5], [1])).toThrow("Normalize: mean [0.5, 0.5] and std [1] differ in length");
    expect(() => new Normalize([1, 2], [1, 1])(zeros(3, 2, 2))).toThrow("Normalize: has 2 means for 3 channels");
    expect(() => new Normalize([1], [1])(zeros([3, 2, 2], { dtype: "int64" }))).toThrow(
      "needs a float tensor [..., channels, height, width], got int64 of shape [3, 2, 2]. Put ToTensor before it",
    );
  });
});

describe("geometry", () => {
  it("Pad adds a border, and negative widths cut", () => {
    expect(rows(new Pad(1, { fill: 9 })(numbered(1, 2)))).toEqual([
      [9, 9, 9, 9],
      [9, 1, 2, 9],
      [9, 9, 9, 9],
    ]);
    expect(rows(new Pad(1, 9)(numbered(1, 2)))).toEqual(rows(new Pad(1, { fill: 9 })(numbered(1, 2))));
    // @ts-expect-error one too many
    expect(() => new Pad(2, 0, "reflect")).toThrow("Pad: takes at most 2 arguments (padding, fill), got 3");
    expect(rows(new Pad([1, 0, 0, 1])(numbered(1, 2)))).toEqual([
      [0, 1, 2],
      [0, 0, 0],
    ]);
    expect(rows(new Pad([-1, 0])(numbered(2, 3)))).toEqual([[2], [5]]);
    expect(() => new Pad(-1)(numbered(2, 3))).toThrow("Pad: nothing is left of 2 x 3 pixels");
  });

  it.each([300, -1, 0.5])("pads raw pictures with bytes only, not with %s", (fill) => {
    expect(() => new Pad(1, fill)(numbered(1, 1))).toThrow(
      `Pad: fill is ${fill}, needs a whole number from 0 to 255 for a RawImage. Other values are for tensors`,
    );
    expect(new Pad([1, 0], fill)(zeros(1, 1)).toArray()).toEqual([[fill, 0, fill]]);
  });

  it.each([
    [() => new Pad(1, [1, 2, 3] as never), "Pad: fill is [1, 2, 3], needs one number for all channels"],
    [() => new Pad([1, 2, 3] as never), "Pad: padding is [1, 2, 3], needs 1, 2 or 4 whole numbers"],
    [() => new (Pad as never as new () => object)(), "Pad: padding is undefined, needs 1, 2 or 4 whole numbers"],
    [() => new RandomCrop(2, { fill: "0" as never }), 'RandomCrop: fill is "0", needs one number'],
    [() => new CenterCrop([5, 5, 5] as never), "CenterCrop: size is [5, 5, 5], needs 1 or 2 whole numbers above 0"],
    [
      () => new (CenterCrop as never as new () => object)(),
      "CenterCrop: size is undefined, needs 1 or 2 whole numbers",
    ],
    [() => new CenterCrop({ size: 0 }), "CenterCrop: size is 0, needs 1 or 2 whole numbers above 0"],
    [() => new CenterCrop(1)(5 as never), "CenterCrop: needs a RawImage or a tensor, got 5"],
    [() => new RandomHorizontalFlip(0)([1] as never), "RandomHorizontalFlip: needs a RawImage or a tensor, got [1]"],
    [
      () => new Compose(new Pad(1) as never),
      "Compose: got a function, needs a list of transforms. Write new Compose([a, b])",
    ],
    [() => new Compose([new Pad(1), 5] as never), "Compose: got [a function, 5], needs a list of transforms"],
    [() => new Lambda(5 as never), "Lambda: got 5, needs a function"],
    [() => new RandomVerticalFlip({ q: 1 } as never), 'RandomVerticalFlip: unknown option "q". It takes p'],
  ])("%s", (make, message) => {
    expect(make).toThrow(message);
  });

  it("takes lists of one number, and everything by name", () => {
    expect(new CenterCrop([5]).size).toEqual([5, 5]);
    expect(new CenterCrop({ size: [1, 2] }).size).toEqual([1, 2]);
    expect(rows(new Pad({ padding: [1], fill: 2 })(numbered(1, 1)))).toEqual([
      [2, 2, 2],
      [2, 1, 2],
      [2, 2, 2],
    ]);
    expect(new RandomHorizontalFlip({ p: 0.1 }).p).toBe(0.1);
    expect(new Grayscale({ numOutputChannels: 3 }).numOutputChannels).toBe(3);
  });

  it("CenterCrop takes the middle, padding what is too small", () => {
    expect(rows(new CenterCrop(2)(numbered(4, 4)))).toEqual([
      [6, 7],
      [10, 11],
    ]);
    expect(rows(new CenterCrop([1, 2])(numbered(1, 5)))).toEqual([[3, 4]]);
    expect(rows(new CenterCrop([2, 3])(numbered(1, 2)))).toEqual([
      [1, 2, 0],
      [0, 0, 0],
    ]);
  });

  it("RandomCrop takes every place there is, and only those", () => {
    manualSeed(0);
    const corners = new Set(Array.from({ length: 200 }, () => new RandomCrop(2)(numbered(3, 4)).data[0]));
    expect([...corners].sort((x, y) => x! - y!)).toEqual([1, 2, 3, 5, 6, 7]);
    expect(
      rows(new RandomCrop(3, { padding: 1 })(numbered(1, 1)))
        .flat()
        .filter((value) => value === 1),
    ).toHaveLength(1);
    expect(rows(new RandomCrop([3, 1], null, true, 7)(numbered(1, 1)))).toHaveLength(3);
    expect(rows(new RandomCrop([1, 3], { padIfNeeded: true })(numbered(1, 3)))).toEqual([[1, 2, 3]]);
    expect(() => new RandomCrop(3)(numbered(2, 4))).toThrow(
      "RandomCrop: 2 x 4 is smaller than 3 x 3. Give { padding } or",
    );
  });

  it("flips with their probability, as the seed has it", () => {
    expect(rows(new RandomHorizontalFlip(1)(numbered(2, 3)))).toEqual([
      [3, 2, 1],
      [6, 5, 4],
    ]);
    expect(rows(new RandomVerticalFlip(1)(numbered(2, 3)))).toEqual([
      [4, 5, 6],
      [1, 2, 3],
    ]);
    const flip = new RandomHorizontalFlip(0.25);
    const flips = (seed: number): boolean[] => {
      manualSeed(seed);
      return Array.from({ length: 1000 }, () => flip(numbered(1, 2)).data[0] === 2);
    };
    expect(flips(1)).toEqual(flips(1));
    expect(flips(1).filter(Boolean).length / 1000).toBeCloseTo(0.25, 1);
    expect(() => new RandomVerticalFlip(2)).toThrow("RandomVerticalFlip: p is 2, needs a probability from 0 to 1");
  });

  it("does to tensors what it does to pictures", () => {
    const width = fc.integer({ min: -2, max: 3 });
    const margins = fc.record({ left: width, top: width, right: width, bottom: width });
    const totensor = new ToTensor();
    fc.assert(
      fc.property(pictures, margins, (picture, at) => {
        fc.pre(picture.height + at.top + at.bottom > 0 && picture.width + at.left + at.right > 0);
        expect(bytes(totensor(withMargins(picture, at)))).toEqual(bytes(withMargins(totensor(picture), at)));
      }),
    );
    fc.assert(
      fc.property(pictures, fc.constantFrom("horizontal" as const, "vertical" as const), (picture, axis) => {
        expect(bytes(totensor(mirrored(picture, axis)))).toEqual(bytes(mirrored(totensor(picture), axis)));
        expect(mirrored(mirrored(picture, axis), axis).data).toEqual(picture.data);
      }),
    );
  });
});

describe("Grayscale", () => {
  it("weighs colours as PIL does", () => {
    const colours = new RawImage(Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30), 1, 4, 3);
    expect([...new Grayscale()(colours).data]).toEqual([76, 150, 29, 18]);
    expect([...new Grayscale(3)(numbered(1, 2)).data]).toEqual([1, 1, 1, 2, 2, 2]);
  });

  it("weighs tensors as torchvision does", () => {
    const x = tensor([10, 200, 0, 255, 20, 100, 255, 255, 30, 50, 7, 255], { dtype: "uint8" }).view(3, 2, 2);
    expect([new Grayscale()(x).dtype, new Grayscale()(x).toArray()]).toEqual([
      "uint8",
      [
        [
          [18, 124],
          [150, 254],
        ],
      ],
    ]);
    expect(new Grayscale(3)(x.float()).shape).toEqual([3, 2, 2]);
    expect(new Grayscale(3)(ones(2, 1, 4, 5)).shape).toEqual([2, 3, 4, 5]);
    expect(() => new Grayscale()(ones(2, 4, 5))).toThrow("Grayscale: needs 1 or 3 channels, got 2");
  });
});

describe("Compose", () => {
  const chain = new Compose([new RandomCrop(28, { padding: 2 }), new ToTensor(), new Normalize([0.5], [1.0])]);

  it("takes transforms and plain functions, one after the other", () => {
    const twice = new Compose([new ToTensor(), (x: Tensor) => x.mul(510), new Lambda((x: Tensor) => x.sum().item())]);
    expect(twice(numbered(1, 2))).toBe(6);
  });

  it("prints as torchvision's", () => {
    const text =
      "Compose(\n    RandomCrop(size=(28, 28), padding=2)\n    ToTensor()\n    Normalize(mean=(0.5,), std=(1.0,))\n)";
    expect([String(chain), inspect(chain)]).toEqual([text, text]);
  });

  it.each([
    [new CenterCrop([2, 3]), "CenterCrop(size=(2, 3))"],
    [new RandomCrop(4), "RandomCrop(size=(4, 4), padding=None)"],
    [new Pad([1, 2]), "Pad(padding=(1, 2), fill=0, padding_mode=constant)"],
    [new RandomHorizontalFlip(), "RandomHorizontalFlip(p=0.5)"],
    [new RandomVerticalFlip(1), "RandomVerticalFlip(p=1.0)"],
    [new Grayscale(), "Grayscale(num_output_channels=1)"],
    [new Lambda((x) => x), "Lambda()"],
    [new Normalize([0.1307, 1], [0.3081, 2]), "Normalize(mean=(0.1307, 1.0), std=(0.3081, 2.0))"],
  ])("%s", (transform, text) => {
    expect(String(transform)).toBe(text);
  });
});

describe("whole batches", () => {
  const stacked = (chain: (picture: RawImage) => Tensor, batch: readonly RawImage[]): Tensor[] =>
    batch.map((picture) => chain(picture));

  it("are bit for bit the stacked samples", () => {
    const every = new RawImage(
      Uint8Array.from({ length: 768 }, (_, i) => i % 256),
      16,
      16,
      3,
    );
    const chain = new Compose([
      new RandomCrop(16, { padding: 3 }),
      new Compose([new RandomHorizontalFlip(), new ToTensor()]),
      new Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
      new Normalize([0.1], [0.3]),
    ]);
    manualSeed(7);
    const batch = batched(chain)!({ ...every, data: Uint8Array.of(...every.data, ...every.data, ...every.data) });
    manualSeed(7);
    const singles = stacked(chain, [every, every, every]);
    singles.forEach((single, i) => {
      expect(equal(batch.select(0, i), single)).toBe(true);
    });
  });

  it("are not made of chains with unknown functions", () => {
    expect(batched(new Compose([new ToTensor(), (x: Tensor) => x.neg()]))).toBeUndefined();
    expect(batched((picture: RawImage) => picture)).toBeUndefined();
    expect(batched(new Normalize([0.5], [1]))).toBeUndefined();
  });

  it("need pictures of one size", () => {
    class Slimming extends transforms.Pad {
      #width = 0;

      override forward<P extends Picture>(picture: P): P {
        return new transforms.Pad([-this.#width++, 0])(picture);
      }
    }
    const chain = batched(new Compose([new Slimming(0), new ToTensor()]))!;
    expect(() => chain({ ...numbered(4, 5), height: 2 })).toThrow(
      /the batch holds RawImage\(height=2, width=5, .* and RawImage\(height=2, width=3, .*Bring all pictures to one size/,
    );
  });
});
