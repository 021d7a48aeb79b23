/** A picture before it is a tensor: what PIL's images are to torchvision. */
import { fail, showValue } from "@dl/tensor";

/** Bytes row by row, the channels of a pixel side by side. */
export class RawImage {
  readonly height: number;
  readonly width: number;
  /** 1: grey, 3: red, green and blue. */
  readonly channels: number;
  /** height × width × channels values from 0 to 255. */
  readonly data: Uint8Array;

  constructor(data: Uint8Array | Uint8ClampedArray, height: number, width: number, channels = 1) {
    if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
      fail("RawImage", `data is ${showValue(data)}, needs a Uint8Array`);
    }
    if (![height, width, channels].every((size) => Number.isInteger(size) && size > 0)) {
      fail("RawImage", `got ${height} x ${width} pixels of ${channels} channels, needs whole numbers above 0`);
    }
    if (data.length !== height * width * channels) {
      fail("RawImage", `${data.length} bytes do not fill ${height} x ${width} pixels of ${channels} channels`);
    }
    this.data = data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.length);
    this.height = height;
    this.width = width;
    this.channels = channels;
  }

  toString(): string {
    return `RawImage(height=${this.height}, width=${this.width}, channels=${this.channels})`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}
