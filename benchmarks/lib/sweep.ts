// The table of the sweep: nearly every function, over 4 M elements of many dtypes, beside PyTorch. A row is a call in words
// that both sides read, of inputs that both sides know by name (works/sweep-inputs.ts, peers/pytorch/sweep.py).
import type { DType } from "@dl/tensor";
import { type Case, millis, torch } from "./case.ts";

/** Calls, one a line or with semicolons between, each for all the dtypes. */
type Rows = readonly (readonly [dtypes: readonly DType[], calls: string])[];

const single: readonly DType[] = ["float32"];
const both: readonly DType[] = ["float32", "float64"];
const floats: readonly DType[] = [...both, "bfloat16"];
const wholes: readonly DType[] = ["int64", "int32", "uint8"];
const mixed: readonly DType[] = ["float32", "int64", "uint8"];
const numbers: readonly DType[] = [...floats, "float16", ...wholes, "int16"];
const all: readonly DType[] = [...numbers, "bool"];

/** `fn(inputs)` for every name in `fns`. */
const each = (fns: string, inputs: string): string => fns.replace(/[\w.]+/g, (fn) => `${fn}(${inputs})\n`);

const unary: Rows = [
  [floats, each("exp sigmoid tanh sin cos erf reciprocal floor relu", "x")],
  [floats, each("log sqrt rsqrt", "positive")],
  [both, each("expm1 exp2 tan sinh cosh asinh atan erfc sinc special.ndtr trunc frac", "x")],
  [both, each("log2 log10 log1p lgamma digamma", "positive")],
  [both, each("asin acos atanh erfinv", "unit")],
  [single, each("ceil round deg2rad nan_to_num isinf isfinite signbit", "x")],
  [
    single,
    "acosh(above); logit(share); special.entr(share); special.ndtri(share); exp(turned); exp(strided); softmax(turned, 0); F.gelu(strided)",
  ],
  [numbers, "neg(x); abs(x)"],
  [["float32", "bfloat16", "float16"], "sign(x); isnan(x)"],
  [wholes, "sign(x); x.square(); bitwise_not(x)"],
  [mixed, "logical_not(x)"],
];

const binary: Rows = [
  [numbers, "add(x, y); mul(x, y); maximum(x, y); lt(x, y); where(mask, x, y); mul(x, 3)"],
  [["float32", "bfloat16", "float16", "int64", "uint8", "bool"], "eq(x, y); ge(x, 2); x.masked_fill(mask, 2)"],
  [["float32", "float16", ...wholes], "div(x, y); sub(x, y)"],
  [["float32", ...wholes], "clamp(x, 1, 3)"],
  [["float32", "float64", "int64", "int32"], "remainder(x, y); floor_divide(x, y); fmod(x, 3)"],
  [mixed, "pow(x, 2); addcmul(x, y, z)"],
  [floats, "atan2(x, y); logaddexp(x, y); pow(positive, y)"],
  [
    both,
    `hypot(x, y); logaddexp2(x, y); copysign(x, y); xlogy(x, positive); fmax(x, y); pow(x, 3); pow(positive, 2.5)
    lerp(x, y, 0.3); addcdiv(x, y, positive); heaviside(x, y); isclose(x, y)`,
  ],
  [single, "rsub(x, 1); div(x, 3); clamp(x, min=0); clamp(x, y, z); sub(x, y, alpha=2); pow(positive, 0.5); add(x, 2)"],
  [[...wholes, "bool"], "bitwise_and(x, y); logical_xor(x, y)"],
  [wholes, "bitwise_left_shift(x, 2); bitwise_or(x, 5)"],
  [["int64"], "gcd(x, y); lcm(x, y)"],
];

const layouts: Rows = [
  [floats, "add(x, row); add(x, column); mul(column, row); strided.contiguous()"],
  [["float32", "float64", "int64", "bfloat16", "uint8"], "turned.contiguous(); add(square, turned)"],
  [
    mixed,
    `x.clone(); cat([x, y], 1); stack([x, y], 2); flip(x, [1]); roll(x, 100, 1); repeat_interleave(x, 2, 1)
    tril(square); cube.permute(2, 0, 1).contiguous(); cube.permute(1, 0, 2).contiguous(); x.expand(2, 4096, 1024).contiguous()`,
  ],
  [
    single,
    `cat([x, y]); stack([x, y]); flip(x, [0]); tile(row, [4096]); rot90(square); triu(square); trace(square)
    diag(square); diag_embed(column); outer(row, row); turned.flip(0); even.contiguous(); diff(x); add(strided, y)
    turned.sum(0); turned.sum(1); strided.sum(1); even.exp(); turned.amax(1); mul(turned, turned); x.repeat(1, 2)
    add(x.view(-1, 64), channel); mul(x.view(-1, 64), x.view(-1, 64).narrow(1, 0, 1)); x.view(-1, 64).narrow(1, 0, 50).contiguous()`,
  ],
  [["float64", "int64"], "add(turned, 0)"],
];

const reductions: Rows = [
  [all, "sum(x); sum(x, 0); sum(x, 1)"],
  [floats, "mean(x, 1); sum(cube, 1); softmax(x, 1); softmax(x, 0); log_softmax(x, 1); logsumexp(x, 1)"],
  [numbers, "max(x); amax(x, 0); amax(x, 1)"],
  [
    ["float32", "bfloat16", "int64", "uint8"],
    "max(x, 1); max(x, 0); argmax(x); argmin(x, 1); aminmax(x); amin(cube, 1)",
  ],
  [both, "std(x); var(x, 0); var(x, 1); var_mean(x, 1); norm(x); norm(x, 1, 1); norm(x, 2, 0)"],
  [["float32", "int64"], "prod(signs); prod(signs, 1); prod(signs, 0); cummax(x, 1); cummin(x, 0)"],
  [["float32", "float64", "int64"], "cumsum(x, 0); cumsum(x, 1); cumprod(signs, 1)"],
  [
    single,
    `softmax(cube, 1); log_softmax(x, 0); logsumexp(x, 0); logcumsumexp(x, 1); nansum(x); nanmean(x, 1); median(x)
    median(x, 1); dist(x, y); quantile(x, 0.3, 1); histc(x, 100); kthvalue(x, 5, 1); renorm(x, 2, 0, 5); trapz(x)
    equal(x, x); allclose(x, x); sum(x.view(-1, 16), 1); sum(x.view(-1, 64), 1); amax(x.view(-1, 16), 1)
    softmax(x.view(-1, 16), 1); sum(x.narrow(0, 0, 32), 1)`,
  ],
  [["float32", "int64", "uint8", "bool"], "any(x, 1); all(x, 0); count_nonzero(x)"],
  [["int64"], "mode(picks, 1)"],
  [["bool"], "all(x); any(x)"],
];

const casts: Rows = all.map((to) => [all.filter((from) => from !== to), `x.to(${to})`]);

const indexing: Rows = [
  [
    mixed,
    `index_select(x, 0, which); index_select(x, 1, columns); gather(x, 1, picks); masked_select(x, mask)
    at(x, which); take(x, picks)`,
  ],
  [
    ["float32", "int64"],
    "x.index_add(0, which, y); x.scatter_add(1, picks, y); x.scatter(1, picks, y); x.masked_scatter(mask, y)",
  ],
  [
    single,
    `gather(x, 0, picks); at(x, which, labels); x.index_copy(0, which, y); x.index_fill(0, which, 2)
    x.scatter(1, picks, 2); take_along_dim(x, picks, 1); F.embedding(tokens, book); F.one_hot(labels, 1024)
    x.index_put([which], y, True); nonzero(mask); argwhere(mask); searchsorted(edges, x); bucketize(x, edges)
    tril_indices(2048, 2048); x.narrow(1, 100, 500).contiguous(); bincount(picks.flatten())`,
  ],
  [["int64"], "isin(x, few)"],
];

const sorting: Rows = [
  [["float32", "float64", "int64", "uint8"], "sort(x, 1); topk(x, 10)"],
  [
    ["float32", "int64"],
    "sort(x, 0); argsort(x, 1); topk(x, 200); topk(x, 10, 0); sort(x.flatten()); unique(x); unique_consecutive(x)",
  ],
  [single, "sort(x, 1, descending=True)"],
];

const random: Rows = [
  [both, "rand_like(x); randn_like(x); bernoulli(share); x.uniform_(-1, 1); x.normal_(0, 1); x.exponential_()"],
  [
    single,
    `randint(0, 100, [4194304]); randperm(4194304); F.dropout(x, 0.3); F.dropout2d(planes, 0.3)
    F.alpha_dropout(x, 0.3, training=True); x.cauchy_(); x.log_normal_(); x.geometric_(0.3);
    multinomial(weights, 1000, replacement=True); arange(4194304); linspace(0, 1, 4194304)
    logspace(0, 1, 4194304); eye(2048); full([4194304], 2.5); zeros([4194304])`,
  ],
];

const inPlace: Rows = [
  [
    ["float32", "float64", "bfloat16", "int64", "uint8"],
    "x.copy_(y); x.add_(y); x.clamp_(1, 3); x.masked_fill_(mask, 1)",
  ],
  [mixed, "x.mul_(-1); x.fill_(1); x.zero_()"],
  [
    single,
    `x.div_(-1); x.sub_(y, alpha=0.1); x.relu_(); x.sigmoid_(); x.tanh_(); x.sin_(); x.abs_(); x.floor_()
    x.addcmul_(y, z); x.addcdiv_(y, positive); x.lerp_(y, 0.1); x.copy_(strided); x.add_(row); x.tril_()`,
  ],
  [["float32", "int64"], "x.index_add_(0, which, y); x.scatter_(1, picks, y); x.scatter_add_(1, picks, y)"],
];

const activations = `${each("F.relu F.relu6 F.leaky_relu F.elu F.selu F.celu F.gelu F.silu F.mish F.softplus F.softsign", "x")}
  ${each("F.hardtanh F.hardswish F.hardsigmoid F.hardshrink F.softshrink F.tanhshrink F.logsigmoid F.glu", "x")}`;
const losses = `
  ${each("F.mse_loss F.l1_loss F.smooth_l1_loss F.huber_loss", "x, y")}
  F.cross_entropy(x, labels); F.nll_loss(x, labels); F.kl_div(x, share); F.binary_cross_entropy(share, share2)
  F.binary_cross_entropy_with_logits(x, share); F.poisson_nll_loss(x, positive); F.soft_margin_loss(x, signs)
  F.hinge_embedding_loss(x, signs); F.multi_margin_loss(x, labels); F.cosine_similarity(x, y); F.pairwise_distance(x, y)`;
const norms = `F.layer_norm(x, [1024], row, bias); F.group_norm(planes, 8, channel, channel); F.normalize(x)
  F.batch_norm(planes, None, None, weight=channel, bias=channel, training=True); F.prelu(x, slope)`;
const pools = `F.max_pool2d(planes, 2); F.max_pool2d(planes, 3, 2, 1); F.avg_pool2d(planes, 2)
  F.avg_pool2d(planes, 3, 1, 1); F.adaptive_avg_pool2d(planes, 7); F.adaptive_max_pool2d(planes, 7)
  F.max_pool1d(series, 2); F.avg_pool1d(series, 3, 2); F.max_pool3d(volumes, 2); F.avg_pool3d(volumes, 2)`;
const resampling = `F.interpolate(images, scale_factor=2, mode="nearest")
  F.interpolate(images, scale_factor=2, mode="bilinear"); F.interpolate(images, scale_factor=2, mode="bicubic")
  F.pad(planes, [1, 1, 1, 1]); F.pad(planes, [1, 1, 1, 1], mode="reflect"); F.unfold(images, 3)
  F.pad(planes, [1, 1, 1, 1], mode="replicate"); F.pixel_shuffle(planes, 2); F.pixel_unshuffle(planes, 2)`;

const functional: Rows = [
  [floats, each("F.gelu F.silu F.softplus F.elu F.leaky_relu", "x")],
  [single, activations.replace(/F\.(gelu|silu|softplus|elu|leaky_relu)\(x\)/g, "")],
  [single, `${losses}; ${resampling}; F.instance_norm(planes); F.local_response_norm(planes, 5); F.softmin(x, 1)`],
  [single, 'F.gelu(x, approximate="tanh"); F.threshold(x, 0.1, 20); F.lp_pool2d(planes, 2, 2)'],
  [both, `${norms}; ${pools}`],
  [["bfloat16"], "F.layer_norm(x, [1024], row, bias); F.max_pool2d(planes, 2); F.avg_pool2d(planes, 2)"],
];

const gradients: Rows = [
  [single, `${activations}; ${losses}; ${norms}; ${pools}; ${resampling}`],
  [single, `${each("exp log sqrt", "positive")}; ${each("sin tanh sigmoid sum mean std norm", "x")}`],
  [
    single,
    `softmax(x, 0); softmax(x, 1); log_softmax(x, 1); logsumexp(x, 1); mul(x, y); div(x, y); add(x, row)
    mul(x, column); pow(x, 2); where(mask, x, y); maximum(x, y); amax(x, 1); cumsum(x, 1); sort(x, 1)
    gather(x, 1, picks); index_select(x, 0, which); cat([x, y]); F.embedding(tokens, book); at(x, which)
    mv(x, row)`,
  ],
];

const products: Rows = [
  [both, [64, 128, 256, 512].map((n) => `mm(a_${n}_${n}, b_${n}_${n})`).join("\n")],
  [
    both,
    "mv(x, row); mm(a_128_784, b_784_512); mm(a_1_784, b_784_512); mm(a_2048_32, b_32_2048); mm(a_2048_1, b_1_2048)",
  ],
  [
    single,
    `mm(a_32_2048, b_2048_32); bmm(many_a, many_b); baddbmm(many_c, many_a, many_b); matmul(many_a, b_64_128)
    mm(a_512_512.t(), b_512_512); mm(a_512_512, b_512_512.t()); cdist(a_512_64, b_512_64); cov(a_256_4096)
    corrcoef(a_256_4096); tensordot(many_a, b_64_128, 1); dot(flat, flat2); F.linear(x, b_64_1024, channel)
    F.bilinear(a_256_64, b_256_64, bilinear); einsum("bij,bjk->bik", many_a, many_b)
    linalg.inv(a_256_256); linalg.solve(a_256_256, b_256_64); linalg.cholesky(definite); linalg.qr(a_256_256)
    linalg.svdvals(a_128_128); linalg.det(a_256_256)`,
  ],
  [["int64", "bfloat16"], "mm(a_128_128, b_128_128); mv(x, row)"],
];

const callsOf = (text: string): string[] =>
  text
    .split(/[;\n]/)
    .map((call) => call.trim())
    .filter((call) => call !== "");

/** The name of a row on the command line: the call's words, and the dtype. */
const slug = (text: string): string => text.replace(/\bF\./g, "").replace(/\W+/g, "-").replace(/^-|-$/g, "");

function rowsOf(work: string, table: Rows): Case[] {
  const gradient = work === "sweep-gradients";
  return table.flatMap(([dtypes, calls]) =>
    callsOf(calls).flatMap((text) =>
      dtypes.map((dtype) => ({
        name: `${work}-${slug(text)}-${dtype}`,
        size: {},
        call: { text, dtype, gradient },
        ...millis,
        peers: torch,
      })),
    ),
  );
}

const tables = {
  unary,
  binary,
  layouts,
  reductions,
  casts,
  indexing,
  sorting,
  random,
  "in-place": inPlace,
  functional,
  gradients,
  products,
};

/** A work for each family, so that a part can be run alone. */
export const sweeps: Readonly<Record<string, readonly Case[]>> = Object.fromEntries(
  Object.entries(tables).map(([family, table]) => [`sweep-${family}`, rowsOf(`sweep-${family}`, table)]),
);

export const isSweep = (work: string): boolean => Object.hasOwn(sweeps, work);
