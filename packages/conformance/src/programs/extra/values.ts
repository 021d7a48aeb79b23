/** Numbers in corners: signs, wrapping, NaN, nothing at all. The comments are the recorded names. */
import { allclose, cat, equal, floatTensor, gcd, isclose, lcm, ones, tensor } from "@dl/tensor";
import type { Programs } from "../program.ts";

export const values: Programs = {
  // uint8 wraps
  "programs/x55": () => {
    const x = tensor([250, 5], { dtype: "uint8" });
    return [x.add(10), x.sub(10), x.mul(2), x.neg()];
  },
  // float remainder signs
  "programs/x56": () => {
    const a = floatTensor([5.5, -5.5]);
    return [a.remainder(2), a.fmod(2), a.floorDivide(2), a.remainder(-2)];
  },
  // sum dtype
  "programs/x57": () => [
    ones(3, { dtype: "int32" }).sum().dtype,
    ones(3, { dtype: "bool" }).sum().dtype,
    ones(3, { dtype: "float16" }).sum().dtype,
    ones(3, { dtype: "int32" }).cumsum(0).dtype,
    ones(3, { dtype: "uint8" }).prod().dtype,
  ],
  // chunk sizes
  "programs/x58": () => [
    ones(7)
      .chunk(3)
      .map((c) => c.shape),
    ones(5)
      .chunk(4)
      .map((c) => c.shape),
    ones(7)
      .split(3)
      .map((c) => c.shape),
    ones(7)
      .tensorSplit(3)
      .map((c) => c.shape),
  ],
  // integer negative pow raises
  "programs/x59": () => tensor([2]).pow(-1),
  // empty reductions
  "programs/x60": () => {
    const e = ones(0);
    return [
      e.sum(),
      e.prod(),
      e.mean().isnan().item(),
      e.all().item(),
      e.any().item(),
      e.norm(),
      ones(0, 3).sum(0),
      ones(0, 3).mean(0).isnan().all().item(),
      ones(2, 0).logsumexp(1),
    ];
  },
  // amax empty raises
  "programs/x61": () => ones(0).amax(),
  // median even
  "programs/x62": () => [
    floatTensor([4, 1, 3, 2]).median(),
    floatTensor([1, Number.NaN]).median().isnan().item(),
    floatTensor([3, Number.NaN, 1]).nanmedian(),
  ],
  // round half even
  "programs/x63": () => [
    floatTensor([0.5, 1.5, 2.5, -0.5, -1.5]).round(),
    floatTensor([1.25, 1.35]).round({ decimals: 1 }),
  ],
  // contiguous
  "programs/x64": () => {
    const x = ones(2, 3);
    return [
      x.isContiguous(),
      x.t().isContiguous(),
      x.t().contiguous().isContiguous(),
      x.contiguous() === x,
      x.at([], 0).isContiguous(),
      ones(1, 3).t().isContiguous(),
      ones(0, 3).t().isContiguous(),
    ];
  },
  // casts truncate
  "programs/x65": () => [
    floatTensor([1.9, -1.9]).to("int32"),
    floatTensor([0, 0.1, Number.NaN]).to("bool"),
    tensor([300]).to("uint8"),
    tensor([-1]).to("uint8"),
    floatTensor([65504, 70000]).to("float16"),
  ],
  // softmax minus infinity
  "programs/x66": () => [
    floatTensor([-Number.POSITIVE_INFINITY, 0]).softmax(0),
    floatTensor([-Number.POSITIVE_INFINITY, -Number.POSITIVE_INFINITY]).softmax(0).isnan().all().item(),
    floatTensor([1e4, 0]).softmax(0),
    floatTensor([-Number.POSITIVE_INFINITY, -Number.POSITIVE_INFINITY]).logsumexp(0),
  ],
  // sqrt of negative, log of zero
  "programs/x67": () => [floatTensor([-1]).sqrt(), floatTensor([0, -1]).log(), floatTensor([-8]).pow(1 / 3)],
  // integer division by zero float
  "programs/x68": () => [floatTensor([1, -1, 0]).div(0), tensor([1]).div(0)],
  // modulo by zero int raises
  "programs/x69": () => tensor([1]).remainder(0),
  // equal, allclose
  "programs/x70": () => [
    equal(ones(2), ones(3)),
    equal(ones(2), ones(2)),
    allclose(floatTensor([Number.NaN]), floatTensor([Number.NaN])),
    allclose(floatTensor([Number.NaN]), floatTensor([Number.NaN]), { equalNan: true }),
    allclose(floatTensor([1]), floatTensor([1.000001])),
  ],
  // gcd lcm
  "programs/x71": () => [gcd(tensor([12, -8]), tensor([18, 12])), lcm(tensor([4]), tensor([6]))],
  // bit operations
  "programs/x72": () => {
    const a = tensor([5, -1]);
    return [
      a.bitwiseAnd(3),
      a.bitwiseOr(8),
      a.bitwiseXor(1),
      a.bitwiseNot(),
      a.bitwiseLeftShift(1),
      a.bitwiseRightShift(1),
    ];
  },
  // matmul ranks
  "programs/x73": () => [
    ones(3).matmul(ones(3)).shape,
    ones(2, 3).matmul(ones(3)).shape,
    ones(3).matmul(ones(3, 2)).shape,
    ones(4, 2, 3).matmul(ones(3, 2)).shape,
    ones(4, 1, 2, 3).matmul(ones(5, 3, 2)).shape,
  ],
  // empty matmul
  "programs/x74": () => [ones(2, 0).matmul(ones(0, 3)), ones(0, 2).matmul(ones(2, 3)).shape],
  // cat empty legacy
  "programs/x75": () => cat([tensor([]), ones(2, 3)], 0),
  // view noncontiguous raises
  "programs/x76": () => ones(2, 3).t().view(6),
  // tolist scalars and nested
  "programs/x77": () => [
    floatTensor(2.5).tolist(),
    floatTensor([[1.5], [2]]).tolist(),
    tensor([]).tolist(),
    tensor([true]).tolist(),
  ],
  // isclose
  "programs/x78": () =>
    isclose(floatTensor([1, 2, Number.POSITIVE_INFINITY]), floatTensor([1 + 1e-9, 2.1, Number.POSITIVE_INFINITY])),
};
