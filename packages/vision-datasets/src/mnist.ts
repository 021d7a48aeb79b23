/** MNIST and the data sets of its form: loaded whole, as bytes; tensors are made when samples are asked for. */

import { type Collated, Dataset, defaultCollate } from "@dl/data";
import { fail, fromArray, peek, type Tensor, type TypedArray } from "@dl/tensor";
import { type Family, fashionMnist, kmnist, mnist } from "./families.ts";
import { RawImage } from "./image.ts";
import { loadParts, type Parts } from "./load.ts";
import { checkOptions, isRoot, type MNISTOptions, type Root } from "./options.ts";
import { batched } from "./transforms/batch.ts";
import { showTransform, type TransformFunction } from "./transforms/transform.ts";

/**
 * Handwritten digits, 60 000 to train with and 10 000 to test with. Samples are `[image, label]`: a grey picture of 28 x 28
 * pixels, and its digit as a number from 0 to 9. A picture is a {@link RawImage} of bytes unless a `transform` makes it something
 * else, usually a float32 tensor [1, 28, 28]; a `DataLoader` makes batches [N, 1, 28, 28] and labels int64 [N] of these.
 *
 * Make one by {@link MNIST.load}, not by `new`. After that everything is synchronous. What `train` and the other options mean is
 * listed at {@link MNISTOptions}.
 *
 * @throws DatasetError by `load`, whose `code` and message say what is missing or wrong; TensorError by `get`, for an index out of range
 * @example
 * const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);
 * const train = await MNIST.load("data", { train: true, transform, download: true });
 * const [image, label] = train.get(0); // image.shape: [1, 28, 28], label: 5
 * const loader = new DataLoader(train, { batchSize: 64, shuffle: true });
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
  transform: TransformFunction<RawImage, X> | undefined;
  targetTransform: TransformFunction<number, Y> | undefined;
  readonly #parts: Parts;
  #data: Tensor<"uint8"> | undefined;
  #targets: Tensor<"int64"> | undefined;

  /** @internal Use {@link MNIST.load}. */
  constructor(parts: Parts, options: MNISTOptions<X, Y>) {
    super();
    if (!parts?.images) {
      fail(new.target.name, "files arrive asynchronously", `Use await ${new.target.name}.load(root, options)`);
    }
    this.#parts = parts;
    this.root = parts.root;
    this.train = options.train ?? true;
    this.classes = parts.family.classes;
    this.transform = options.transform;
    this.targetTransform = options.targetTransform;
  }

  /**
   * Finds the files below `root` (in `root/MNIST/raw`, as torchvision lays them out, or in `root` itself; packed or
   * not), else in the cache, else downloads them into `root/MNIST/raw` if it may; without a `root`, into the cache.
   *
   * @throws DatasetError whose `code` and message say what is missing or wrong, and what to do
   */
  static load<X = RawImage, Y = number>(options?: MNISTOptions<X, Y>): Promise<MNIST<NoInfer<X>, NoInfer<Y>>>;
  static load<X = RawImage, Y = number>(
    root?: Root,
    options?: MNISTOptions<X, Y>,
  ): Promise<MNIST<NoInfer<X>, NoInfer<Y>>>;
  static async load<X, Y>(first?: Root | MNISTOptions<X, Y>, more: MNISTOptions<X, Y> = {}): Promise<MNIST<X, Y>> {
    const [root, options] = isRoot(first) ? [first, more] : [undefined, first];
    // biome-ignore lint/complexity/noThisInStatic: FashionMNIST.load makes a FashionMNIST
    const [type, family] = [this, this.family];
    checkOptions(family.name, options);
    return new type(await loadParts(family, root, options), options);
  }

  get length(): number {
    return this.#parts.labels.data.length;
  }

  /** All pictures, uint8 [length, 28, 28]. What is written here samples show, unless it lies on a GPU: there it is a copy. */
  get data(): Tensor<"uint8"> {
    const { data, shape } = this.#parts.images;
    if (!this.#data || this.#data.isDisposed) this.#data = fromArray(data, shape, { dtype: "uint8" }).keep();
    return this.#data;
  }

  /** All labels, int64 [length]. What is written here samples show, as with {@link MNIST.data}. */
  get targets(): Tensor<"int64"> {
    if (!this.#targets || this.#targets.isDisposed) this.#targets = labelTensor(this.#labels).keep();
    return this.#targets;
  }

  get(index: number): [X, Y] {
    const { transform, targetTransform } = this;
    const [, height, width] = this.#parts.images.shape as [number, number, number];
    const start = this.#check(index) * height * width;
    const image = new RawImage(this.#pixels.slice(start, start + height * width), height, width);
    const label = Number(this.#labels[index]);
    return [transform ? transform(image) : image, targetTransform ? targetTransform(label) : label] as [X, Y];
  }

  /** There is one when the transform, as it is now, can be done for a whole batch at once. */
  override getBatch(indices: readonly number[]): Collated<[X, Y]> | undefined {
    const { transform, targetTransform } = this;
    const whole = transform && batched(transform);
    if (!whole) return undefined;
    const [pixels, all] = [this.#pixels, this.#labels];
    const labels = indices.map((index) => Number(all[this.#check(index)]));
    const targets = targetTransform
      ? defaultCollate(labels.map((label) => targetTransform(label)))
      : labelTensor(labels);
    const [, height, width] = this.#parts.images.shape as [number, number, number];
    const size = height * width;
    // Gathered first: copying rows that lie far apart is quicker than reading them byte by byte.
    const data = new Uint8Array(indices.length * size);
    indices.forEach((index, i) => {
      data.set(pixels.subarray(index * size, (index + 1) * size), i * size);
    });
    return [whole({ data, height, width, channels: 1 }), targets] as Collated<[X, Y]>;
  }

  get #pixels(): Uint8Array {
    return (written(this.#data) ?? this.#parts.images.data) as Uint8Array;
  }

  get #labels(): ArrayLike<number | bigint> {
    return written(this.#targets) ?? this.#parts.labels.data;
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

/** What a tensor that the user was given holds now, where the host can see it. */
function written(given: Tensor | undefined): TypedArray | undefined {
  return given && !given.isDisposed && given.backend.hostMemory ? peek(given, "MNIST") : undefined;
}

function labelTensor(labels: ArrayLike<number | bigint>): Tensor<"int64"> {
  return fromArray(BigInt64Array.from(labels, BigInt), [labels.length], { dtype: "int64" });
}

/** Further lines stand below the text behind the head. */
function hanging(head: string, text: string): string {
  return head + text.replaceAll("\n", `\n${" ".repeat(head.length)}`);
}
