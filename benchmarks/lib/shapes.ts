// The long lists of the table of works: element-wise work over 4 M elements, and convolutions of well-known networks.
import { trainers } from "./case.ts";

/** Name, bytes that have to be read and written for one of the 4 M elements, and who is asked besides PyTorch. */
export const elementwise: readonly (readonly [name: string, bytes: number, peers?: readonly string[]])[] = [
  ["add", 12, trainers],
  ["add-row", 8],
  ["add-column", 8],
  ["add-transposed", 12],
  ["add-f64", 24],
  ["add-i64", 24],
  ["cast-f32-i32", 8],
  ["cast-i64-f32", 12],
  ["cast-f32-f64", 12],
  ["exp", 8, trainers],
  ["tanh", 8, trainers],
  ["gelu", 8, trainers],
  ["sum", 4, trainers],
  ["sum-last", 4],
  ["sum-first", 4],
  ["mean", 4],
  ["var", 4],
  ["max", 4],
  ["softmax", 8, trainers],
  ["log-softmax", 8],
  ["layer-norm", 8],
  ["batch-norm", 8],
  ["max-pool", 5],
  ["avg-pool", 5],
  ["adaptive-pool", 4],
  ["interpolate", 5],
  ["pixel-shuffle", 8],
  ["embedding", 8],
  ["sort", 16],
  ["topk", 4],
  ["cumsum", 8],
  ["gather", 16],
  ["scatter-add", 20],
  ["index-select", 8],
  ["where", 13],
  ["dropout", 8],
  ["randn", 4],
  ["rand", 4],
  ["cat", 8],
  ["transpose", 8],
  ["max-i64", 8],
  ["linspace", 4],
  ["randperm", 8],
  ["unique", 8],
  ["searchsorted", 12],
];

interface Convolution {
  /** 1, 2 or 3 spatial dimensions, each `length` long. */
  readonly dims: number;
  readonly batch: number;
  readonly from: number;
  readonly to: number;
  readonly length: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  /** 1 for a transposed one. */
  readonly transposed: number;
  /** 0 where the input is data, which needs no gradient. */
  readonly inner: number;
}

type Shape = Pick<Convolution, "batch" | "from" | "to" | "length" | "kernel"> & Partial<Convolution>;

const convolution = (shape: Shape): Convolution & Readonly<Record<string, number>> => ({
  dims: 2,
  stride: 1,
  padding: 0,
  dilation: 1,
  groups: 1,
  transposed: 0,
  inner: 1,
  ...shape,
});

/** Of the seed network, ResNet-18, MobileNetV2, a U-Net, and of other dimensions. */
export const convolutions: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "seed-first": convolution({ batch: 64, from: 1, to: 64, length: 28, kernel: 5, inner: 0 }),
  "seed-second": convolution({ batch: 64, from: 64, to: 32, length: 12, kernel: 5 }),
  "resnet-stem": convolution({ batch: 4, from: 3, to: 64, length: 224, kernel: 7, stride: 2, padding: 3, inner: 0 }),
  "resnet-56": convolution({ batch: 4, from: 64, to: 64, length: 56, kernel: 3, padding: 1 }),
  "resnet-down": convolution({ batch: 4, from: 128, to: 256, length: 28, kernel: 3, stride: 2, padding: 1 }),
  "resnet-7": convolution({ batch: 4, from: 512, to: 512, length: 7, kernel: 3, padding: 1 }),
  "mobilenet-expand": convolution({ batch: 4, from: 24, to: 144, length: 56, kernel: 1 }),
  "mobilenet-depthwise": convolution({ batch: 4, from: 144, to: 144, length: 56, kernel: 3, padding: 1, groups: 144 }),
  "mobilenet-depthwise-stride": convolution({
    batch: 4,
    from: 144,
    to: 144,
    length: 56,
    kernel: 3,
    stride: 2,
    padding: 1,
    groups: 144,
  }),
  "unet-64": convolution({ batch: 1, from: 128, to: 64, length: 128, kernel: 3, padding: 1 }),
  "unet-up": convolution({ batch: 1, from: 128, to: 64, length: 64, kernel: 2, stride: 2, transposed: 1 }),
  dilated: convolution({ batch: 4, from: 64, to: 64, length: 56, kernel: 3, padding: 2, dilation: 2 }),
  grouped: convolution({ batch: 4, from: 128, to: 128, length: 28, kernel: 3, padding: 1, groups: 32 }),
  "one-dimension": convolution({ dims: 1, batch: 16, from: 64, to: 128, length: 1024, kernel: 5, padding: 2 }),
  "three-dimensions": convolution({ dims: 3, batch: 2, from: 16, to: 32, length: 24, kernel: 3, padding: 1 }),
  "one-dimension-up": convolution({
    dims: 1,
    batch: 16,
    from: 64,
    to: 32,
    length: 512,
    kernel: 4,
    stride: 2,
    padding: 1,
    transposed: 1,
  }),
  "three-dimensions-up": convolution({
    dims: 3,
    batch: 2,
    from: 32,
    to: 16,
    length: 12,
    kernel: 2,
    stride: 2,
    transposed: 1,
  }),
};

/** By their names in both libraries. */
export const optimizers = [
  "SGD",
  "Adam",
  "AdamW",
  "RMSprop",
  "Adagrad",
  "Adadelta",
  "Adamax",
  "NAdam",
  "RAdam",
  "Rprop",
  "ASGD",
] as const;

/** Steps of samples' scores, and labels to find in them. */
export const ctc = {
  small: { steps: 50, batch: 8, classes: 20, labels: 12 },
  speech: { steps: 200, batch: 16, classes: 60, labels: 40 },
} as const;
