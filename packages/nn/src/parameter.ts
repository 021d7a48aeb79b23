import { type DType, needTensor, Tensor } from "@dl/tensor";

/**
 * A tensor that a module owns and an optimizer changes: it requires grad, survives scopes, and is found by
 * {@link Module.parameters} when it is a field of a module. It shares the memory of `data`.
 * @throws TensorError when `data` is no float tensor and `requiresGrad` is not false
 * @see https://pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 */
export class Parameter<D extends DType = DType> extends Tensor<D> {
  constructor(data: Tensor<D>, requiresGrad: boolean = true) {
    needTensor("Parameter", data);
    super(data.storage, data.shape, data.strides, data.offset, data.dtype);
    this.requiresGrad = requiresGrad;
    this.keep();
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`;
  }
}
