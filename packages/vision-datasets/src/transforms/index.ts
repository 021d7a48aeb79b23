/** Transforms of pictures, under torchvision's names. */
export { Compose, Lambda, type TransformChain } from "./compose.ts";
export {
  CenterCrop,
  Pad,
  type Padding,
  type PictureTransform,
  RandomCrop,
  RandomHorizontalFlip,
  RandomVerticalFlip,
  type Size,
} from "./geometry.ts";
export { Grayscale } from "./grayscale.ts";
export type { Picture } from "./picture.ts";
export { Normalize, ToTensor } from "./pixels.ts";
export { Transform, type TransformFunction } from "./transform.ts";
