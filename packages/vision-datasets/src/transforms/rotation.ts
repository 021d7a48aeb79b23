import { type Arguments, fail, fromArray, isTensor, readArguments, showValue, type Tensor } from "@dl/tensor";
import { RawImage } from "../image.ts";
import { checkFill, uniform } from "./parameters.ts";
import { checkByte, type Picture, PictureTransform, sizeOf } from "./picture.ts";
import { showFloat, showTuple } from "./transform.ts";

type Pair = readonly [number, number];
/** The point that stays, from the upper left corner. */
type Center = readonly [x: number, y: number];
type RotationArguments = [
  degrees: number | Pair,
  interpolation?: "nearest",
  expand?: false,
  center?: Center | null,
  fill?: number,
];

/**
 * Turns a picture against the clock by an angle from −`degrees` to `degrees`, or between two, from the generator that
 * `manualSeed` seeds. Each pixel is its nearest neighbour; those from outside have the value `fill`, or 0.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomRotation.html
 */
export class RandomRotation extends PictureTransform {
  static readonly names = ["degrees", "interpolation", "expand", "center", "fill"] as const;
  readonly degrees: Pair;
  readonly center: Center | null;
  readonly fill: number;

  constructor(...args: Arguments<typeof RandomRotation.names, RotationArguments>) {
    super();
    const [degrees, interpolation = "nearest", expand = false, center = null, fill = 0] =
      readArguments<RotationArguments>(RandomRotation, args);
    if (interpolation !== "nearest" || expand) {
      const given = `interpolation ${showValue(interpolation)} and expand ${showValue(expand)}`;
      fail("RandomRotation", `got ${given}, only "nearest" without expand is offered`);
    }
    this.degrees = typeof degrees === "number" && degrees >= 0 ? [-degrees, degrees] : (degrees as Pair);
    if (!isPair(this.degrees)) {
      fail("RandomRotation", `degrees is ${showValue(degrees)}, needs a number from 0 up or [least, most]`);
    }
    if (center !== null && !isPair(center)) fail("RandomRotation", `center is ${showValue(center)}, needs [x, y]`);
    checkFill("RandomRotation", fill);
    this.center = center;
    this.fill = fill;
  }

  forward<P extends Picture>(picture: P): P {
    const { height, width } = sizeOf(picture, "RandomRotation");
    const [least, most] = this.degrees;
    const angle = least + uniform() * (most - least);
    const center = this.center ?? [width / 2, height / 2];
    const sources = sourcesOf({ height, width, angle, center, units: isTensor(picture) ? 1 : 65536 });
    return (isTensor(picture) ? gathered(picture, sources, this.fill) : picked(picture, sources, this.fill)) as P;
  }

  protected override extraRepr(): string {
    const { degrees, center, fill } = this;
    const middle = center ? `, center=${showTuple(center.map(String))}` : "";
    return `degrees=[${degrees.map(showFloat).join(", ")}], interpolation=nearest, expand=False${middle}, fill=${fill}`;
  }
}

function isPair(value: unknown): value is Pair {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
}

interface Turn {
  readonly height: number;
  readonly width: number;
  readonly angle: number;
  readonly center: Center;
  /** PIL counts in 65536ths of a pixel. */
  readonly units: number;
}

/** The place of each pixel's source in row-major order, −1 where that is outside. */
function sourcesOf({ height, width, angle, center: [cx, cy], units }: Turn): Int32Array {
  const round = (value: number): number => (units === 1 ? value : Math.floor(value * units + 0.5));
  const radians = (-angle * Math.PI) / 180;
  // As PIL: without what is left of the cosine of a right angle.
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)].map((value) => Number(value.toFixed(15))) as [
    number,
    number,
  ];
  const [x0, y0] = [0.5 - cx, 0.5 - cy]; // pixels are looked up at their middles
  const start = [round(cos * x0 + sin * y0 + cx), round(cos * y0 - sin * x0 + cy)] as const;
  const [across, along, back] = [round(cos), round(sin), round(-sin)];
  const sources = new Int32Array(height * width);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const fromX = pixelAt(start[0] + across * x + along * y, units);
      const fromY = pixelAt(start[1] + back * x + across * y, units);
      const within = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      sources[i] = within ? fromY * width + fromX : -1;
    }
  }
  return sources;
}

/** The pixel at a place. Between two, torchvision takes the even one for tensors, PIL the later one. */
function pixelAt(place: number, units: number): number {
  const pixel = Math.floor(place / units);
  return units === 1 && pixel === place && pixel % 2 !== 0 ? pixel - 1 : pixel;
}

function picked({ data, height, width, channels }: RawImage, sources: Int32Array, fill: number): RawImage {
  checkByte("RandomRotation", fill);
  const out = new Uint8Array(data.length).fill(fill);
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i]!;
    if (source < 0) continue;
    for (let c = 0; c < channels; c++) out[i * channels + c] = data[source * channels + c]!;
  }
  return new RawImage(out, height, width, channels);
}

function gathered(image: Tensor, sources: Int32Array, fill: number): Tensor {
  const { device, shape } = image;
  const at = fromArray(sources, [sources.length], { dtype: "int32", device }).long();
  const outside = at.lt(0);
  const pixels = image.reshape([...shape.slice(0, -2), sources.length]).indexSelect(-1, at.clamp(0));
  return pixels.maskedFill(outside, fill).view(shape);
}
