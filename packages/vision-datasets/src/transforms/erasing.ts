import {
  type Arguments,
  fail,
  isTensor,
  randn,
  readArguments,
  showShape,
  showValue,
  type Tensor,
  tensor,
} from "@dl/tensor";
import { checkProbability, uniform } from "./parameters.ts";
import { showFloat, showTuple, Transform } from "./transform.ts";

type Range = readonly [least: number, most: number];
/** A number for all channels, one for each, or random numbers. */
type Value = number | readonly number[] | "random";
type ErasingArguments = [p?: number, scale?: Range, ratio?: Range, value?: Value, inplace?: boolean];

/** Rectangles that stick out of the picture are drawn anew, so often. */
const attempts = 10;

/**
 * Overwrites a rectangle of a tensor [..., channels, height, width] with probability `p`. `scale` bounds its share of the
 * picture, `ratio` its height divided by its width. All from the generator that `manualSeed` seeds.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomErasing.html
 */
export class RandomErasing extends Transform<Tensor, Tensor> {
  static readonly names = ["p", "scale", "ratio", "value", "inplace"] as const;
  readonly p: number;
  readonly scale: Range;
  readonly ratio: Range;
  readonly value: Value;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof RandomErasing.names, ErasingArguments>) {
    super();
    const [p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0, inplace = false] =
      readArguments<ErasingArguments>(RandomErasing, args);
    checkProbability("RandomErasing", p);
    checkRange("scale", scale, 0, 1);
    checkRange("ratio", ratio, Number.MIN_VALUE, Number.MAX_VALUE);
    if (value !== "random" && ![value].flat().every((item) => typeof item === "number")) {
      fail("RandomErasing", `value is ${showValue(value)}, needs a number, one for each channel, or "random"`);
    }
    this.p = p;
    this.scale = scale;
    this.ratio = ratio;
    this.value = value;
    this.inplace = inplace;
  }

  forward(image: Tensor): Tensor {
    if (!isTensor(image)) fail("RandomErasing", `needs a tensor, got ${showValue(image)}`, "Put ToTensor before it");
    if (image.shape.length < 3) {
      fail("RandomErasing", `needs a tensor [..., channels, height, width], got ${showShape(image.shape)}`);
    }
    const [channels, fullHeight, fullWidth] = image.shape.slice(-3) as [number, number, number];
    const rectangle = uniform() < this.p ? this.#draw(fullHeight, fullWidth) : undefined;
    if (!rectangle) return image;
    const [height, width] = rectangle;
    const at = (spare: number): number => Math.floor(uniform() * (spare + 1));
    const [top, left] = [at(fullHeight - height), at(fullWidth - width)];
    const erased = this.inplace ? image : image.clone();
    const values = this.#values(image, channels, height, width);
    erased.narrow(-2, top, height).narrow(-1, left, width).copy_(values);
    return erased;
  }

  #draw(fullHeight: number, fullWidth: number): readonly [height: number, width: number] | undefined {
    const between = ([least, most]: Range): number => least + uniform() * (most - least);
    for (let i = 0; i < attempts; i++) {
      const area = fullHeight * fullWidth * between(this.scale);
      const ratio = Math.exp(between([Math.log(this.ratio[0]), Math.log(this.ratio[1])]));
      const [height, width] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
      if (height < fullHeight && width < fullWidth) return [height, width];
    }
    return undefined;
  }

  #values({ dtype, device }: Tensor, channels: number, height: number, width: number): Tensor {
    if (this.value === "random") return randn([channels, height, width], { device }).to(dtype);
    const values = [this.value].flat();
    if (values.length === 1 || values.length === channels) return tensor(values, { dtype, device }).view(-1, 1, 1);
    return fail("RandomErasing", `has ${values.length} values for ${channels} channels`, "Give one, or one for each");
  }

  protected override extraRepr(): string {
    const { p, scale, ratio, value, inplace } = this;
    const range = (numbers: Range): string => showTuple(numbers.map(showFloat));
    const shown = Array.isArray(value) ? showTuple(value.map(String)) : value;
    const flag = inplace ? "True" : "False";
    return `p=${showFloat(p)}, scale=${range(scale)}, ratio=${range(ratio)}, value=${shown}, inplace=${flag}`;
  }
}

function checkRange(what: string, given: unknown, least: number, most: number): void {
  const [from, to, ...more] = Array.isArray(given) ? given : [];
  if (least <= from && from <= to && to <= most && more.length === 0) return;
  const bounds = most === 1 ? "from 0 to 1" : "above 0";
  fail("RandomErasing", `${what} is ${showValue(given)}, needs [least, most] ${bounds}`);
}
