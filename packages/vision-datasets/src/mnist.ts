/** MNIST and the data sets of its form: loaded whole, as bytes; tensors are made when samples are asked for. */

import { type AbortSignalLike, type Collated, Dataset, defaultCollate } from "@dl/data";
import { fail, fromArray, type Tensor } from "@dl/tensor";
import { platform } from "#platform";
import { corrupt, DatasetError } from "./errors.ts";
import { type Family, fashionMnist, kmnist, mnist } from "./families.ts";
import {
  type DownloadReporter,
  type FileRequest,
  localNames,
  type NamedBytes,
  type Obtained,
  type Source,
} from "./files.ts";
import { type IdxArray, readIdx } from "./idx.ts";
import { RawImage } from "./image.ts";
import { type BatchTransform, batched } from "./transforms/batch.ts";
import { showTransform, type TransformFunction } from "./transforms/transform.ts";

export interface MNISTOptions<X = RawImage, Y = number> {
  /** The 60 000 training samples (the default), or the 10 000 test samples. */
  readonly train?: boolean | undefined;
  /** What each picture becomes; without it they are {@link RawImage}s. */
  readonly transform?: TransformFunction<RawImage, X> | undefined;
  /** What each label becomes. */
  readonly targetTransform?: TransformFunction<number, Y> | undefined;
  /** Fetch files that are found neither below `root` nor in the cache. */
  readonly download?: boolean | undefined;
  /** Where to download from instead: addresses that end in "/", asked in order. Comes before `DL_MIRROR`. */
  readonly mirrors?: readonly string[] | undefined;
  /** Show how downloads go (the default in Node), or tell it to an object. */
  readonly progress?: boolean | DownloadReporter | undefined;
  /** Read the files from here and nowhere else. */
  readonly source?: Source | undefined;
  /** An `AbortSignal`: ends downloads with its reason. */
  readonly signal?: AbortSignalLike | undefined;
}

interface Parts {
  readonly family: Family;
  readonly root: string;
  readonly images: IdxArray;
  readonly labels: IdxArray;
}

/**
 * Handwritten digits, 28 x 28 pixels each: samples are `[image, label]`.
 *
 * @example
 * const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);
 * const train = await MNIST.load("data", { train: true, transform, download: true });
 * @see https://pytorch.org/vision/stable/generated/torchvision.datasets.MNIST.html
 */
export class MNIST<X = RawImage, Y = number> extends Dataset<[X, Y]> {
  /** @internal */
  static readonly family: Family = mnist;

  /** Where the files were looked for first. */
  readonly root: string;
  readonly train: boolean;
  /** The name of each label. */
  readonly classes: readonly string[];
  readonly transform: TransformFunction<RawImage, X> | undefined;
  readonly targetTransform: TransformFunction<number, Y> | undefined;
  /** There when the transform can be done for a whole batch at once. */
  override readonly getBatch?: (indices: readonly number[]) => Collated<[X, Y]>;
  readonly #parts: Parts;
  #data: Tensor<"uint8"> | undefined;
  #targets: Tensor<"int64"> | undefined;

  /** @internal Use {@link MNIST.load}. */
  constructor(parts: Parts, options: MNISTOptions<X, Y>) {
    super();
    this.#parts = parts;
    this.root = parts.root;
    this.train = options.train ?? true;
    this.classes = parts.family.classes;
    this.transform = options.transform;
    this.targetTransform = options.targetTransform;
    const whole = options.transform && batched(options.transform);
    if (whole) this.getBatch = (indices) => this.#batch(indices, whole);
  }

  /**
   * Finds the files below `root` (in `root/MNIST/raw`, as torchvision lays them out, or in `root` itself; packed or
   * not), else in the cache, else downloads them into `root/MNIST/raw` if it may; without a `root`, into the cache.
   *
   * @throws DatasetError whose `code` and message say what is missing or wrong, and what to do
   */
  static load<X = RawImage, Y = number>(options?: MNISTOptions<X, Y>): Promise<MNIST<NoInfer<X>, NoInfer<Y>>>;
  static load<X = RawImage, Y = number>(
    root?: string,
    options?: MNISTOptions<X, Y>,
  ): Promise<MNIST<NoInfer<X>, NoInfer<Y>>>;
  static async load<X, Y>(root?: string | MNISTOptions<X, Y>, more: MNISTOptions<X, Y> = {}): Promise<MNIST<X, Y>> {
    const options = typeof root === "object" ? root : more;
    // biome-ignore lint/complexity/noThisInStatic: FashionMNIST.load makes a FashionMNIST
    const [type, family] = [this, this.family];
    return new type(await loadParts(family, typeof root === "string" ? root : undefined, options), options);
  }

  get length(): number {
    return this.#parts.labels.data.length;
  }

  /** All pictures, uint8 [length, 28, 28]. */
  get data(): Tensor<"uint8"> {
    const { data, shape } = this.#parts.images;
    this.#data ??= fromArray(data, shape, { dtype: "uint8" }).keep();
    return this.#data;
  }

  /** All labels, int64 [length]. */
  get targets(): Tensor<"int64"> {
    this.#targets ??= labelTensor(Array.from(this.#parts.labels.data)).keep();
    return this.#targets;
  }

  get(index: number): [X, Y] {
    const { transform, targetTransform } = this;
    const [image, label] = [this.#image(index), this.#label(index)];
    return [transform ? transform(image) : image, targetTransform ? targetTransform(label) : label] as [X, Y];
  }

  #batch(indices: readonly number[], whole: BatchTransform): Collated<[X, Y]> {
    const labels = indices.map((index) => this.#label(index));
    const targets = this.targetTransform ? defaultCollate(labels.map(this.targetTransform)) : labelTensor(labels);
    const { shape } = this.#parts.images;
    const [height, width] = [shape[1]!, shape[2]!];
    // Gathered first: copying rows that lie far apart is quicker than reading them byte by byte.
    const data = new Uint8Array(indices.length * height * width);
    indices.forEach((index, i) => {
      data.set(this.#pixels(index), i * height * width);
    });
    return [whole({ data, height, width, channels: 1 }), targets] as Collated<[X, Y]>;
  }

  #image(index: number): RawImage {
    const { shape } = this.#parts.images;
    return new RawImage(this.#pixels(index), shape[1]!, shape[2]!);
  }

  #pixels(index: number): Uint8Array {
    const { data, shape } = this.#parts.images;
    const size = shape[1]! * shape[2]!;
    const start = this.#check(index) * size;
    return data.subarray(start, start + size) as Uint8Array;
  }

  #label(index: number): number {
    return this.#parts.labels.data[this.#check(index)]!;
  }

  #check(index: number): number {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return index;
    return fail(this.#parts.family.name, `index ${index} is not in 0 … ${this.length - 1}`);
  }

  override toString(): string {
    const { transform, targetTransform, length, root } = this;
    return [
      `Dataset ${this.#parts.family.name}`,
      `    Number of datapoints: ${length}`,
      `    Root location: ${root}`,
      `    Split: ${this.train ? "Train" : "Test"}`,
      ...(transform || targetTransform ? ["    StandardTransform"] : []),
      ...(transform ? [hanging("Transform: ", showTransform(transform))] : []),
      ...(targetTransform ? [hanging("Target transform: ", showTransform(targetTransform))] : []),
    ].join("\n");
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** Clothes by Zalando, in MNIST's form. @see https://pytorch.org/vision/stable/generated/torchvision.datasets.FashionMNIST.html */
export class FashionMNIST<X = RawImage, Y = number> extends MNIST<X, Y> {
  /** @internal */
  static override readonly family: Family = fashionMnist;
}

/** Handwritten hiragana, in MNIST's form. @see https://pytorch.org/vision/stable/generated/torchvision.datasets.KMNIST.html */
export class KMNIST<X = RawImage, Y = number> extends MNIST<X, Y> {
  /** @internal */
  static override readonly family: Family = kmnist;
}

function labelTensor(labels: readonly number[]): Tensor<"int64"> {
  return fromArray(BigInt64Array.from(labels, BigInt), [labels.length], { dtype: "int64" });
}

/** Further lines stand below the text behind the head. */
function hanging(head: string, text: string): string {
  return head + text.replaceAll("\n", `\n${" ".repeat(head.length)}`);
}

async function loadParts<X, Y>(family: Family, root: string | undefined, options: MNISTOptions<X, Y>): Promise<Parts> {
  const { train = true, source, download = false, progress = true, signal } = options;
  const own = platform.mirror(family.name);
  const mirrors = options.mirrors ?? (own === undefined ? family.mirrors : [own]);
  const split = train ? family.train : family.test;
  const needed = [split.images, split.labels];
  const obtained = source
    ? await fromSource(source, family.name, needed, root)
    : await platform.obtain({
        dataset: family.name,
        root,
        needed,
        all: [family.train, family.test].flatMap(({ images, labels }) => [images, labels]),
        mirrors,
        download,
        progress,
        signal,
      });
  const [imageFile, labelFile] = obtained.files as [NamedBytes, NamedBytes];
  const [images, labels] = [
    await readIdx(imageFile.bytes, imageFile.path),
    await readIdx(labelFile.bytes, labelFile.path),
  ];
  checkForm(images, imageFile.path, "pictures", 3);
  checkForm(labels, labelFile.path, "labels", 1);
  if (images.shape[0] !== labels.shape[0]) {
    throw corrupt(
      labelFile.path,
      `has ${labels.shape[0]} labels for the ${images.shape[0]} pictures of ${imageFile.path}`,
    );
  }
  return { family, root: obtained.root, images, labels };
}

async function fromSource(
  source: Source,
  dataset: string,
  needed: FileRequest["needed"],
  root = "the given source",
): Promise<Obtained> {
  const files = await Promise.all(
    needed.map(async (file) => {
      for (const path of localNames(file)) {
        const bytes = await source.read(path);
        if (bytes) return { path, bytes };
      }
      const remedy = `It should answer to one of ${localNames(file).join(", ")}`;
      throw new DatasetError("not-found", `${dataset}: the source has no ${file.name}. ${remedy}`);
    }),
  );
  return { root, files };
}

function checkForm({ dtype, shape }: IdxArray, path: string, what: string, rank: number): void {
  if (dtype === "uint8" && shape.length === rank) return;
  throw corrupt(path, `holds ${dtype} of shape [${shape.join(", ")}], but ${what} are uint8 with ${rank} sizes`);
}
