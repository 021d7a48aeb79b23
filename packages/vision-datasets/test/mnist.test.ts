import "@dl/backend-cpu";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { DataLoader, type Dataset, Subset } from "@dl/data";
import { equal, type Tensor } from "@dl/tensor";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import { FashionMNIST, KMNIST, MNIST, RawImage, type Source, transforms } from "../src/index.ts";
import { startMirror } from "./server.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const labels = [3, 6, 8, 4, 8, 4, 6, 4, 0, 2, 6, 3, 9, 5, 5, 5, 8, 1, 2, 5];
const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "dl-mnist-"));
  vi.stubEnv("DL_HOME", join(root, "home"));
  vi.stubEnv("DL_OFFLINE", "");
  return () => rm(root, { recursive: true, force: true });
});
afterEach(() => vi.unstubAllEnvs());

/** Twenty digits under the training files' names. */
async function putDigits(folder: string, packed: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  const ending = packed ? ".gz" : "";
  await copyFile(join(fixtures, `images-idx3-ubyte${ending}`), join(folder, `train-images-idx3-ubyte${ending}`));
  await copyFile(join(fixtures, `labels-idx1-ubyte${ending}`), join(folder, `train-labels-idx1-ubyte${ending}`));
}

describe("a loaded data set", () => {
  it("has pictures and labels, as samples and as tensors", async () => {
    await putDigits(join(root, "MNIST/raw"), true);
    const set = await MNIST.load(root);
    expectTypeOf(set.get(0)).toEqualTypeOf<[RawImage, number]>();
    const [image, label] = set.get(2);
    expect([set.length, image.height, image.width, image.channels, label]).toEqual([20, 28, 28, 1, 8]);
    expect([set.data.dtype, set.data.shape]).toEqual(["uint8", [20, 28, 28]]);
    expect([set.targets.dtype, set.targets.toArray()]).toEqual(["int64", labels]);
    expect(set.data.select(0, 2).toArray()).toEqual(
      Array.from({ length: 28 }, (_, y) => [...image.data.subarray(28 * y, 28 * y + 28)]),
    );
    expect(set.classes.slice(0, 2)).toEqual(["0 - zero", "1 - one"]);
    expect(() => set.get(20)).toThrow("MNIST: index 20 is not in 0 … 19");
  });

  it("applies its transforms", async () => {
    await putDigits(root, false);
    const set = await MNIST.load(root, { transform, targetTransform: (label) => label % 2 === 0 });
    expectTypeOf(set.get(0)).toEqualTypeOf<[Tensor, boolean]>();
    const [x, even] = set.get(1);
    const [raw] = (await MNIST.load(root)).get(1);
    expect([x.shape, even]).toEqual([[1, 28, 28], true]);
    expect(x.view(-1).toArray()).toEqual([...raw.data].map((byte) => Math.fround(Math.fround(byte / 255) - 0.5)));
  });

  it("prints as torchvision's", async () => {
    await putDigits(root, true);
    const text = [
      "Dataset MNIST",
      "    Number of datapoints: 20",
      `    Root location: ${root}`,
      "    Split: Train",
      "    StandardTransform",
      "Transform: Compose(",
      "               ToTensor()",
      "               Normalize(mean=(0.5,), std=(1.0,))",
      "           )",
    ].join("\n");
    const set = await MNIST.load(root, { transform });
    expect([String(set), inspect(set)]).toEqual([text, text]);
    const plain = `Dataset MNIST\n    Number of datapoints: 20\n    Root location: ${root}\n    Split: Train`;
    expect(String(await MNIST.load(root))).toBe(plain);
    const targets = await MNIST.load(root, { targetTransform: new transforms.Lambda((label: number) => -label) });
    expect(String(targets)).toBe(`${plain}\n    StandardTransform\nTarget transform: Lambda()`);
  });

  it("gives a loader the batches that its samples would make", async () => {
    await putDigits(root, true);
    const fast = await MNIST.load(root, { transform });
    const slow = await MNIST.load(root, { transform: (image: RawImage) => transform(image) });
    expect([fast.getBatch([0]), slow.getBatch([0])]).toEqual([expect.any(Array), undefined]);
    const [first, second] = [fast, slow].map((set) => [
      ...new DataLoader(set, { batchSize: 8, shuffle: true, seed: 1 }),
    ]);
    expect(first).toHaveLength(3);
    first!.forEach(([x, y], i) => {
      expect([x.shape, y.dtype]).toEqual([[i < 2 ? 8 : 4, 1, 28, 28], "int64"]);
      expect(equal(x, second![i]![0])).toBe(true);
      expect(y.toArray()).toEqual(second![i]![1].toArray());
    });
    const odd = await MNIST.load(root, { transform, targetTransform: (label) => ({ odd: label % 2 === 1 }) });
    const [batch] = [...new DataLoader(odd, { batchSize: 3 })];
    expect(batch![1].odd.toArray()).toEqual([true, false, false]);
    expect(() => [...new DataLoader(new MNISTWithout(fast))]).toThrow("cannot join samples that are a RawImage");
  });

  it("gives a loader the samples that get gives, whatever was overridden or exchanged", async () => {
    await putDigits(root, true);
    class Minus extends transforms.ToTensor {
      override forward(image: RawImage): Tensor<"float32"> {
        return super.forward(image).neg();
      }
    }
    class Even extends MNIST<Tensor> {
      override get(index: number): [Tensor, number] {
        const [x, y] = super.get(index);
        return [x, y % 2];
      }
    }
    const options = { transform, targetTransform: (label: number, more = 0) => label + more };
    const exchanged = await MNIST.load<Tensor, number>(root, options);
    const subset = new Subset(exchanged, [0, 1, 2, 3]);
    exchanged.transform = new Minus();
    const sets = [
      new Subset(await MNIST.load(root, options), [0, 1, 2, 3]),
      new Subset(await MNIST.load(root, { transform: new Minus() }), [0, 1, 2, 3]),
      new Subset(await Even.load(root, { transform }), [0, 1, 2, 3]),
      subset,
    ];
    for (const set of sets) {
      const [[x, y]] = [...new DataLoader(set as Dataset<[Tensor, number]>, { batchSize: 4 })] as [[Tensor, Tensor]];
      const samples = [0, 1, 2, 3].map((i) => set.get(i) as [Tensor, number]);
      samples.forEach(([image], i) => {
        expect(equal(x.select(0, i), image)).toBe(true);
      });
      expect(y.toArray()).toEqual(samples.map(([, label]) => label));
    }
  });

  it("shows what was written into its tensors, in samples and in batches", async () => {
    await putDigits(root, true);
    const set = await MNIST.load(root, { transform: new transforms.ToTensor() });
    set.data.select(0, 1).fill_(255);
    set.targets.add_(100);
    const [image, label] = set.get(1);
    const [[x, y]] = [...new DataLoader(set, { batchSize: 2 })] as [[Tensor, Tensor]];
    expect([image.mean().item(), label, x.select(0, 1).mean().item(), y.toArray()]).toEqual([1, 106, 1, [103, 106]]);
    set.data.dispose();
    set.targets.dispose();
    expect([set.get(1)[1], set.targets.toArray()]).toEqual([6, labels]);
  });
});

describe("what it cannot mean is refused, by name", () => {
  it.each([
    [{ Train: false }, 'unknown option "Train". It takes train, transform, targetTransform, download, mirrors,'],
    [{ target_transform: () => 3 }, 'unknown option "target_transform". It takes'],
    [{ train: "test" }, 'train is "test", needs true or false'],
    [{ transform: 5 }, "transform is 5, needs a function"],
    [{ targetTransform: [] }, "targetTransform is [], needs a function"],
    [{ download: 1 }, "download is 1, needs true or false"],
    [{ mirrors: "http://x/" }, 'mirrors is "http://x/", needs a list of at least one address'],
    [{ mirrors: [] }, "mirrors is [], needs a list of at least one address"],
    [{ progress: {} }, "progress is an object, needs true, false, or an object with start, advance and stop"],
    [{ source: new Set() }, "source is a Set, needs an object with read(name), or a Map"],
    [{ signal: "stop" }, 'signal is "stop", needs an AbortSignal'],
  ])("%o", async (options, message) => {
    await expect(MNIST.load(root, options as never)).rejects.toThrow(`MNIST: ${message}`);
  });

  it.each([5, null])("a root of %s", async (place) => {
    const message = `KMNIST: got ${place}. It takes load(root, options) or load(options): root is a path or a URL`;
    await expect(KMNIST.load(place as never)).rejects.toThrow(message);
  });

  it("new", () => {
    expect(() => new FashionMNIST("data" as never, {})).toThrow(
      "FashionMNIST: files arrive asynchronously. Use await FashionMNIST.load(root, options)",
    );
  });
});

/** The samples of a data set without its transform. */
class MNISTWithout {
  readonly length: number;
  readonly #set: MNIST<Tensor>;

  constructor(set: MNIST<Tensor>) {
    this.#set = set;
    this.length = set.length;
  }

  get(index: number): RawImage {
    return new RawImage(this.#set.data.select(0, index).contiguous().numpy().data as Uint8Array, 28, 28 * this.length);
  }
}

describe("a source", () => {
  const from = (files: Record<string, Uint8Array>): Source => ({ read: (name) => files[name] });

  it("stands in for folders and downloads", async () => {
    const files = {
      "t10k-images-idx3-ubyte.gz": await readFile(join(fixtures, "images-idx3-ubyte.gz")),
      "t10k-labels-idx1-ubyte": await readFile(join(fixtures, "labels-idx1-ubyte")),
    };
    const set = await FashionMNIST.load({ train: false, source: from(files) });
    expect(set).toBeInstanceOf(FashionMNIST);
    expect([set.length, set.classes[set.get(0)[1]]]).toEqual([20, "Dress"]);
    expect(String(set)).toContain(
      "Dataset FashionMNIST\n    Number of datapoints: 20\n    Root location: the given source\n    Split: Test",
    );
    expect((await MNIST.load({ train: false, source: new Map(Object.entries(files)) })).length).toBe(20);
    const buffers = { read: () => new ArrayBuffer(4) as never };
    await expect(MNIST.load({ source: buffers })).rejects.toThrow(
      "MNIST: the source gives an ArrayBuffer for train-images-idx3-ubyte, needs a Uint8Array",
    );
    await expect(MNIST.load({ source: from({}) })).rejects.toThrow(
      "MNIST: the source has no train-images-idx3-ubyte.gz",
    );
  });
});

describe("damaged files are refused, by name", () => {
  it("cut off, of another form, or not belonging together", async () => {
    await putDigits(root, false);
    const [images, names] = [join(root, "train-images-idx3-ubyte"), join(root, "train-labels-idx1-ubyte")];
    const whole = await readFile(images);
    await writeFile(images, whole.subarray(0, 10_000));
    await expect(MNIST.load(root)).rejects.toThrow(
      `${images}: is cut off: uint8 of shape [20, 28, 28] needs 15696 bytes, got 10000. The file is damaged: delete it`,
    );
    await writeFile(images, await readFile(names));
    await expect(MNIST.load(root)).rejects.toThrow("holds uint8 of shape [20], but pictures are uint8 with 3 sizes");
    await writeFile(images, whole);
    await writeFile(names, Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 7, 7]));
    await expect(MNIST.load(root)).rejects.toThrow(`has 2 labels for the 20 pictures of ${images}`);
  });
});

const real = join(import.meta.dirname, "../../../../shared/data/mnist");

describe.skipIf(!existsSync(real))("the real MNIST (needs ../shared)", () => {
  it("is read from a folder", async () => {
    const [train, test] = [await MNIST.load(real), await MNIST.load(real, { train: false })];
    expect([train.length, test.length]).toEqual([60_000, 10_000]);
    expect([0, 1, 2, 3, 4].map((i) => [train.get(i)[1], test.get(i)[1]])).toEqual([
      [5, 7],
      [0, 2],
      [4, 1],
      [1, 0],
      [9, 4],
    ]);
    const pixels = test.data.numpy().data as Uint8Array;
    expect(pixels.reduce((sum, pixel) => sum + pixel, 0) / pixels.length / 255).toBeCloseTo(0.1325, 4);
  });

  it("is not taken for another data set", async () => {
    await expect(FashionMNIST.load(real)).rejects.toThrow(
      `${join(real, "train-images-idx3-ubyte.gz")}: holds MNIST, not FashionMNIST. Use MNIST.load, or put FashionMNIST's`,
    );
  });

  it("is downloaded from a mirror, past one that has it not, and kept", async () => {
    const mirror = await startMirror(() => Buffer.alloc(0));
    const bytes = new Map(
      await Promise.all((await readdir(real)).map(async (name) => [name, await readFile(join(real, name))] as const)),
    );
    const good = await startMirror((name) => bytes.get(name)!);
    const finished: number[] = [];
    const failed: string[] = [];
    let received = 0;
    const progress = {
      start: () => {},
      advance: (now: number) => {
        received = now;
      },
      stop: (failure?: { reason: string }) => (failure ? failed.push(failure.reason) : finished.push(received)),
    };
    try {
      const options = {
        train: false,
        download: true,
        mirrors: [mirror.at("404"), good.at("good").slice(0, -1)],
        progress,
      };
      expect((await MNIST.load(root, options)).length).toBe(10_000);
      expect(finished).toEqual([9912422, 28881, 1648877, 4542]);
      expect(failed).toEqual(Array(4).fill("HTTP 404 Not Found"));
      expect((await readdir(join(root, "MNIST/raw"))).sort()).toEqual([...bytes.keys()].sort());
      await MNIST.load(root, { ...options, download: false });
    } finally {
      await Promise.all([mirror.close(), good.close()]);
    }
  });
});
