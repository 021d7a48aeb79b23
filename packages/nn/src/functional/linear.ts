/** Maps that multiply by a weight. */
import { addmm, composite, fail, labelled, showShape, sizeOf, type Tensor } from "@dl/tensor";

/**
 * y = x Wᵀ + b for x `[*, in]`, weight [out, in] and bias [out].
 * @throws TensorError when the last size of the input is not the weight's
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.linear.html
 * @example
 * F.linear(ones(1, 2), floatTensor([[1, 2], [3, 4]]), floatTensor([10, 20])); // tensor([[13., 27.]])
 */
export const linear = composite(
  "linear(input, weight, bias?)",
  (input: Tensor, weight: Tensor, bias?: Tensor | null): Tensor => {
    const features = weight.shape.at(-1);
    if (input.shape.at(-1) !== features) {
      fail(
        "linear",
        `weight ${showShape(weight.shape)} needs ${features} input features, got ${showShape(input.shape)}`,
      );
    }
    const right = weight.ndim === 1 ? weight : weight.t();
    if (!bias) return input.matmul(right);
    if (input.ndim < 2 || right.ndim < 2) return labelled(input.matmul(right).add(bias), "ViewBackward0");
    if (input.ndim === 2) return addmm(bias, input, right);
    const lead = input.shape.slice(0, -1);
    return addmm(bias, input.reshape(sizeOf(lead), features!), right).view([...lead, right.shape[1]!]);
  },
);

/**
 * y[k] = x₁ᵀ W[k] x₂ + b[k] for x₁ `[*, in1]`, x₂ `[*, in2]`, weight [out, in1, in2] and bias [out].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.bilinear.html
 */
export const bilinear = composite(
  "bilinear(input1, input2, weight, bias?)",
  (input1: Tensor, input2: Tensor, weight: Tensor, bias?: Tensor | null): Tensor => {
    const [out, in1, in2] = weight.shape as [number, number, number];
    if (input1.shape.at(-1) !== in1 || input2.shape.at(-1) !== in2) {
      const got = `${showShape(input1.shape)} and ${showShape(input2.shape)}`;
      fail("bilinear", `weight ${showShape(weight.shape)} needs ${in1} and ${in2} input features, got ${got}`);
    }
    const lead = input1.shape.slice(0, -1);
    // [*, in1] × [in1, out · in2] → [*, out, in2], then the product with x₂.
    const half = input1.reshape(-1, in1).matmul(weight.permute(1, 0, 2).reshape(in1, out * in2));
    const whole = half.view(-1, out, in2).matmul(input2.reshape(-1, in2, 1));
    const product = whole.view([...lead, out]);
    return bias ? product.add(bias) : product;
  },
);
