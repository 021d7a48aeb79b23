import { type Arguments, fail, isTensor, readArguments, type Tensor } from "@dl/tensor";
import { RawImage } from "../image.ts";
import { type Picture, PictureTransform, sizeOf } from "./picture.ts";

/** Rec. 601's weights of red, green and blue in 65536ths, and PIL's rounding. */
const weights = [19595, 38470, 7471] as const;

type GrayscaleArguments = [numOutputChannels?: 1 | 3];

/**
 * The brightness of a coloured picture, a {@link RawImage} or a tensor [..., 1 or 3, height, width], in one channel or
 * three equal ones.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Grayscale.html
 */
export class Grayscale extends PictureTransform {
  static readonly names = ["numOutputChannels"] as const;
  readonly numOutputChannels: 1 | 3;

  constructor(...args: Arguments<typeof Grayscale.names, GrayscaleArguments>) {
    super();
    const [channels = 1] = readArguments<GrayscaleArguments>(Grayscale, args);
    if (![1, 3].includes(channels)) fail("Grayscale", `makes 1 or 3 channels, not ${channels}`);
    this.numOutputChannels = channels;
  }

  forward<P extends Picture>(picture: P): P {
    sizeOf(picture, "Grayscale");
    const channels = isTensor(picture) ? picture.shape.at(-3) : picture.channels;
    if (channels !== 1 && channels !== 3) fail("Grayscale", `needs 1 or 3 channels, got ${channels ?? "none"}`);
    const n = this.numOutputChannels;
    return (isTensor(picture) ? greyTensor(picture, n) : greyImage(picture, n)) as P;
  }

  protected override extraRepr(): string {
    return `num_output_channels=${this.numOutputChannels}`;
  }
}

function greyImage({ data, height, width, channels }: RawImage, n: number): RawImage {
  const [red, green, blue] = weights;
  const out = new Uint8Array(height * width * n);
  for (let i = 0; i < height * width; i++) {
    const at = i * channels;
    const grey =
      channels === 1 ? data[at]! : (data[at]! * red + data[at + 1]! * green + data[at + 2]! * blue + 0x8000) >> 16;
    out.fill(grey, i * n, (i + 1) * n);
  }
  return new RawImage(out, height, width, n);
}

/** With the shorter weights that torchvision has for tensors. */
function greyTensor(image: Tensor, n: number): Tensor {
  const grey = image.shape.at(-3) === 1 ? image : weighed(image).to(image.dtype).unsqueeze(-3);
  return n === 1 ? grey : grey.expand(image.shape.with(-3, n));
}

function weighed(image: Tensor): Tensor {
  const [red, green, blue] = (image.isFloatingPoint() ? image : image.float()).unbind(-3) as [Tensor, Tensor, Tensor];
  return red.mul(0.2989).add(green.mul(0.587)).add(blue.mul(0.114));
}
