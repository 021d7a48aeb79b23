/** Non-linearities written into their input. `relu_` and other rows of the op table are methods of tensors. */
import { op, type Tensor } from "@dl/tensor";
import { celu, elu, hardtanh, leakyRelu, rrelu, selu, threshold } from "./activation.ts";

/** {@link celu}, in place. */
export const celu_ = op("celu_(input, alpha?)", (input: Tensor, alpha?: number): Tensor => celu(input, alpha, true));

/** {@link elu}, in place. */
export const elu_ = op("elu_(input, alpha?)", (input: Tensor, alpha?: number): Tensor => elu(input, alpha, true));

/** {@link hardtanh}, in place. */
export const hardtanh_ = op(
  "hardtanh_(input, minVal?, maxVal?)",
  (input: Tensor, minVal?: number, maxVal?: number): Tensor => hardtanh(input, minVal, maxVal, true),
);

/** {@link leakyRelu}, in place. */
export const leakyRelu_ = op(
  "leakyRelu_(input, negativeSlope?)",
  (input: Tensor, negativeSlope?: number): Tensor => leakyRelu(input, negativeSlope, true),
);

/** {@link rrelu}, in place. */
export const rrelu_ = op(
  "rrelu_(input, lower?, upper?, training?)",
  (input: Tensor, lower?: number, upper?: number, training?: boolean): Tensor =>
    rrelu(input, lower, upper, training, true),
);

/** {@link selu}, in place. */
export const selu_ = op("selu_(input)", (input: Tensor): Tensor => selu(input, true));

/** {@link threshold}, in place. */
export const threshold_ = op(
  "threshold_(input, threshold, value)",
  (input: Tensor, limit: number, value: number): Tensor => threshold(input, limit, value, true),
);
