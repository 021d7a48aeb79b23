/** Fills a tensor in place, unrecorded, and returns it. Random numbers come from the default generator. */
import { eye, fail, linalg, noGrad, op, rand, randn, scope, showShape, type Tensor } from "@dl/tensor";

export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "convTranspose1d"
  | "convTranspose2d"
  | "convTranspose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leakyRelu"
  | "selu";

export type Fan = "fanIn" | "fanOut";

/** With PyTorch's spellings. */
type FanName = Fan | "fan_in" | "fan_out";
type NonlinearityName = Nonlinearity | (string & {});

/**
 * By how much a non-linearity is to be made up for. PyTorch's spellings (`leaky_relu`) work too.
 * @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
 */
export function calculateGain(nonlinearity: NonlinearityName, param?: number | null): number {
  const name = nonlinearity.replaceAll("_", "").toLowerCase();
  if (/^(linear|conv(transpose)?[123]d|sigmoid)$/.test(name)) return 1;
  if (name === "tanh") return 5 / 3;
  if (name === "relu") return Math.SQRT2;
  if (name === "leakyrelu") return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2));
  if (name === "selu") return 3 / 4;
  return fail(
    "calculateGain",
    `unknown nonlinearity "${nonlinearity}"`,
    'Use "relu", "leakyRelu", "tanh", "selu", "sigmoid" or "linear"',
  );
}

/** Inputs and outputs that a weight [out, in, …] connects. */
export function calculateFanInAndFanOut(tensor: Tensor): [fanIn: number, fanOut: number] {
  if (tensor.ndim < 2) fail("init", `fans need 2 or more dimensions, got ${showShape(tensor.shape)}`);
  const [out, into, ...kernel] = tensor.shape as [number, number, ...number[]];
  const field = kernel.reduce((product, size) => product * size, 1);
  return [into * field, out * field];
}

function fanOf(tensor: Tensor, mode: FanName): number {
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  if (mode === "fanIn" || mode === "fan_in") return fanIn;
  if (mode === "fanOut" || mode === "fan_out") return fanOut;
  return fail("init", `unknown mode "${mode}"`, 'Use "fanIn" or "fanOut"');
}

/** Writes what `make` gives into `tensor`. */
function write(tensor: Tensor, make: () => Tensor): Tensor {
  noGrad(() => scope(() => void tensor.copy_(make())));
  return tensor;
}

function beside(tensor: Tensor): { dtype: Tensor["dtype"]; device: string } {
  return { dtype: tensor.dtype, device: tensor.device };
}

/** U(a, b). @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.uniform_ */
export const uniform_ = /* @__PURE__ */ op(
  "uniform_(tensor, a?, b?)",
  (tensor: Tensor, a: number = 0, b: number = 1): Tensor => {
    return write(tensor, () =>
      rand(tensor.shape, beside(tensor))
        .mul_(b - a)
        .add_(a),
    );
  },
);

/** N(mean, std²). @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.normal_ */
export const normal_ = /* @__PURE__ */ op(
  "normal_(tensor, mean?, std?)",
  (tensor: Tensor, mean: number = 0, std: number = 1): Tensor => {
    return write(tensor, () => randn(tensor.shape, beside(tensor)).mul_(std).add_(mean));
  },
);

/** N(mean, std²), cut off outside [a, b]. @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_ */
export const truncNormal_ = /* @__PURE__ */ op(
  "truncNormal_(tensor, mean?, std?, a?, b?)",
  (tensor: Tensor, mean: number = 0, std: number = 1, a: number = -2, b: number = 2): Tensor => {
    const low = 2 * normalCdf((a - mean) / std) - 1;
    const high = 2 * normalCdf((b - mean) / std) - 1;
    return write(tensor, () => {
      const uniform = rand(tensor.shape, beside(tensor))
        .mul_(high - low)
        .add_(low);
      return uniform
        .erfinv()
        .mul_(std * Math.SQRT2)
        .add_(mean)
        .clamp_(a, b);
    });
  },
);

/** Φ(x), by the series of erf near 0 and its continued fraction beyond. */
function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  let erf = 1;
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    erf = (2 / Math.sqrt(Math.PI)) * sum;
  } else {
    let tail = z;
    for (let n = 60; n > 0; n--) tail = z + n / 2 / tail;
    erf = 1 - Math.exp(-z * z) / (tail * Math.sqrt(Math.PI));
  }
  return x < 0 ? (1 - erf) / 2 : (1 + erf) / 2;
}

export const constant_ = /* @__PURE__ */ op("constant_(tensor, val)", (tensor: Tensor, val: number): Tensor => {
  noGrad(() => void tensor.fill_(val));
  return tensor;
});

export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0);
}

/** The identity, in a matrix. @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.eye_ */
export function eye_(tensor: Tensor): Tensor {
  if (tensor.ndim !== 2) fail("eye_", `needs 2 dimensions, got ${showShape(tensor.shape)}`);
  const [rows, columns] = tensor.shape as [number, number];
  return write(tensor, () => eye(rows, columns, beside(tensor)));
}

/** A convolution that hands its channels through. @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.dirac_ */
export const dirac_ = /* @__PURE__ */ op("dirac_(tensor, groups?)", (tensor: Tensor, groups: number = 1): Tensor => {
  const { shape } = tensor;
  if (shape.length < 3 || shape.length > 5) fail("dirac_", `needs 3 to 5 dimensions, got ${showShape(shape)}`);
  if (shape[0]! % groups !== 0) fail("dirac_", `${shape[0]} outputs do not divide into ${groups} groups`);
  const outputs = shape[0]! / groups;
  const used = Math.min(outputs, shape[1]!);
  const centre = shape.slice(2).map((size) => Math.floor(size / 2));
  return onesAt(tensor, (i) => [Math.floor(i / used) * outputs + (i % used), i % used, ...centre], used * groups);
});

function onesAt(tensor: Tensor, place: (i: number) => number[], count: number): Tensor {
  noGrad(() =>
    scope(() => {
      tensor.zero_();
      for (let i = 0; i < count; i++) tensor.set_(...place(i), 1);
    }),
  );
  return tensor;
}

/** U(−a, a) with a = gain √(6 / (fanIn + fanOut)). @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_uniform_ */
export const xavierUniform_ = /* @__PURE__ */ op(
  "xavierUniform_(tensor, gain?)",
  (tensor: Tensor, gain: number = 1): Tensor => {
    const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
    const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
    return uniform_(tensor, -bound, bound);
  },
);

/** N(0, gain² · 2 / (fanIn + fanOut)). @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_normal_ */
export const xavierNormal_ = /* @__PURE__ */ op(
  "xavierNormal_(tensor, gain?)",
  (tensor: Tensor, gain: number = 1): Tensor => {
    const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
    return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
  },
);

/** The standard deviation that keeps variances through a layer and its non-linearity: gain / √fan. */
function kaimingDeviation(tensor: Tensor, a: number, mode: FanName, nonlinearity: NonlinearityName): number {
  return calculateGain(nonlinearity, a) / Math.sqrt(fanOf(tensor, mode));
}

/** U(−b, b) with b = gain √(3 / fan). @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_ */
export const kaimingUniform_ = /* @__PURE__ */ op(
  "kaimingUniform_(tensor, a?, mode?, nonlinearity?)",
  (tensor: Tensor, a: number = 0, mode: FanName = "fanIn", nonlinearity: NonlinearityName = "leakyRelu"): Tensor => {
    if (tensor.numel() === 0) return tensor;
    const bound = Math.sqrt(3) * kaimingDeviation(tensor, a, mode, nonlinearity);
    return uniform_(tensor, -bound, bound);
  },
);

/** N(0, gain² / fan). @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_normal_ */
export const kaimingNormal_ = /* @__PURE__ */ op(
  "kaimingNormal_(tensor, a?, mode?, nonlinearity?)",
  (tensor: Tensor, a: number = 0, mode: FanName = "fanIn", nonlinearity: NonlinearityName = "leakyRelu"): Tensor =>
    tensor.numel() === 0 ? tensor : normal_(tensor, 0, kaimingDeviation(tensor, a, mode, nonlinearity)),
);

/** Columns (or rows) of length `gain`, at right angles, all turns as likely. @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.orthogonal_ */
export const orthogonal_ = /* @__PURE__ */ op(
  "orthogonal_(tensor, gain?)",
  (tensor: Tensor, gain: number = 1): Tensor => {
    if (tensor.ndim < 2) fail("orthogonal_", `needs 2 or more dimensions, got ${showShape(tensor.shape)}`);
    if (tensor.numel() === 0) return tensor;
    const rows = tensor.shape[0]!;
    const columns = tensor.numel() / rows;
    return write(tensor, () => {
      const dtype = tensor.dtype === "float64" ? "float64" : "float32";
      const tall = randn([Math.max(rows, columns), Math.min(rows, columns)], { dtype, device: tensor.device });
      const { Q, R } = linalg.qr(tall);
      // Signs as if R's diagonal were positive; otherwise some turns would be more likely than others.
      const turn = Q.mul(R.diagonal().sign()).mul(gain);
      return (rows < columns ? turn.t() : turn).reshape(tensor.shape);
    });
  },
);

/** N(0, std²) with a share of zeros in each column. @see https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.sparse_ */
export const sparse_ = /* @__PURE__ */ op(
  "sparse_(tensor, sparsity, std?)",
  (tensor: Tensor, sparsity: number, std: number = 0.01): Tensor => {
    if (tensor.ndim !== 2) fail("sparse_", `needs 2 dimensions, got ${showShape(tensor.shape)}`);
    const zeroed = Math.ceil(sparsity * tensor.shape[0]!);
    return write(tensor, () => {
      const ranks = rand(tensor.shape, { device: tensor.device }).argsort(0).argsort(0);
      return randn(tensor.shape, beside(tensor)).mul_(std).mul(ranks.ge(zeroed).to(tensor.dtype));
    });
  },
);
