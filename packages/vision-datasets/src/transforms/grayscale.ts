import { fail } from "@dl/tensor";
import { RawImage } from "../image.ts";
import { Transform } from "./transform.ts";

/** Rec. 601's weights of red, green and blue in 65536ths, and PIL's rounding. */
const weights = [19595, 38470, 7471] as const;

/**
 * The brightness of a coloured picture, in one channel or three equal ones.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Grayscale.html
 */
export class Grayscale extends Transform<RawImage, RawImage> {
  readonly numOutputChannels: 1 | 3;

  constructor(numOutputChannels: 1 | 3 = 1) {
    super();
    if (![1, 3].includes(numOutputChannels)) fail("Grayscale", `makes 1 or 3 channels, not ${numOutputChannels}`);
    this.numOutputChannels = numOutputChannels;
  }

  forward(image: RawImage): RawImage {
    const { data, height, width, channels } = image;
    if (channels !== 1 && channels !== 3) fail("Grayscale", `needs 1 or 3 channels, got ${channels}`);
    const [red, green, blue] = weights;
    const n = this.numOutputChannels;
    const out = new Uint8Array(height * width * n);
    for (let i = 0; i < height * width; i++) {
      const at = i * channels;
      const grey =
        channels === 1 ? data[at]! : (data[at]! * red + data[at + 1]! * green + data[at + 2]! * blue + 0x8000) >> 16;
      out.fill(grey, i * n, (i + 1) * n);
    }
    return new RawImage(out, height, width, n);
  }

  protected override extraRepr(): string {
    return `num_output_channels=${this.numOutputChannels}`;
  }
}
