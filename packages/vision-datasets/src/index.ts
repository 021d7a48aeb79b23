/**
 * MNIST and its relatives, and image transforms.
 *
 * @packageDocumentation
 */
export { DatasetError, type DatasetErrorCode } from "./errors.ts";
export type { Family } from "./families.ts";
export type { DownloadReporter, RemoteFile, Source } from "./files.ts";
export { type IdxArray, type IdxData, parseIdx, readIdx } from "./idx.ts";
export { RawImage } from "./image.ts";
export { FashionMNIST, KMNIST, MNIST } from "./mnist.ts";
export type { MNISTOptions, Root } from "./options.ts";
export * as transforms from "./transforms/index.ts";
