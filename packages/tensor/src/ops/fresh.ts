/** New tensors with another one's dtype and device: `x.newZeros(2, 3)`. */
import type { DType } from "../dtype.ts";
import type { Scalar } from "../host.ts";
import type { Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import {
  empty,
  emptyStrided,
  full,
  type Nested,
  ones,
  parseSizes,
  type SizesAndOptions,
  type TensorOptions,
  tensor,
  zeros,
} from "./creation.ts";

function like<D extends DType>(input: Tensor, options: TensorOptions<D>): TensorOptions<D> {
  return { ...options, dtype: options.dtype ?? (input.dtype as D), device: options.device ?? input.device };
}

function sized(make: (size: Shape, options: TensorOptions) => Tensor, name: string) {
  return (input: Tensor, ...size: SizesAndOptions<DType>): Tensor => {
    const [shape, options] = parseSizes(name, size);
    return make(shape, like(input, options));
  };
}

type Sized = (input: Tensor, ...size: SizesAndOptions<DType>) => Tensor;

/** Zeros. @see https://pytorch.org/docs/stable/generated/torch.Tensor.new_zeros.html */
export const newZeros: Sized = sized(zeros, "newZeros");
/** Ones. @see https://pytorch.org/docs/stable/generated/torch.Tensor.new_ones.html */
export const newOnes: Sized = sized(ones, "newOnes");
/** Memory as it was. @see https://pytorch.org/docs/stable/generated/torch.Tensor.new_empty.html */
export const newEmpty: Sized = sized(empty, "newEmpty");

/** Memory as it was, with strides of your own. @see https://pytorch.org/docs/stable/generated/torch.Tensor.new_empty_strided.html */
export function newEmptyStrided(input: Tensor, size: Shape, stride: Shape, options: TensorOptions = {}): Tensor {
  return emptyStrided(size, stride, like(input, options));
}

/** One value everywhere. @see https://pytorch.org/docs/stable/generated/torch.Tensor.new_full.html */
export function newFull(input: Tensor, size: Shape, fillValue: Scalar, options: TensorOptions = {}): Tensor {
  return full(size, fillValue, like(input, options));
}

/** From data. @see https://pytorch.org/docs/stable/generated/torch.Tensor.new_tensor.html */
export function newTensor(input: Tensor, data: Nested | Tensor, options: TensorOptions = {}): Tensor {
  return tensor(data, like(data instanceof Tensor ? data : input, options));
}
