/** Transforms of pictures, under torchvision's names. */
export { Compose, Lambda, type TransformChain } from "./compose.ts";
export { RandomErasing } from "./erasing.ts";
export {
  CenterCrop,
  Pad,
  type Padding,
  RandomCrop,
  RandomHorizontalFlip,
  RandomVerticalFlip,
} from "./geometry.ts";
export { Grayscale } from "./grayscale.ts";
export type { Size } from "./parameters.ts";
export type { Picture, PictureTransform } from "./picture.ts";
export { Normalize, ToTensor } from "./pixels.ts";
export { Resize } from "./resize.ts";
export { RandomRotation } from "./rotation.ts";
export { Transform, type TransformFunction } from "./transform.ts";
