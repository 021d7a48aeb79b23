import "./reference.ts";
import {
  arange,
  blockDiag,
  cartesianProd,
  cat,
  columnStack,
  combinations,
  einsum,
  floatTensor,
  meshgrid,
  ones,
  resultType,
  type Tensor,
  tensor,
  where,
  zeros,
} from "@dl/tensor";
import { expect, test } from "vitest";

const range = (...shape: number[]) =>
  arange(
    shape.reduce((a, b) => a * b),
    { dtype: "float32" },
  ).view(shape);

test("dimensions move, roll and turn", () => {
  const x = range(2, 3, 4);
  expect(x.movedim([0, 2], [2, 0]).shape).toEqual([4, 3, 2]);
  expect(range(5).roll(2).toArray()).toEqual([3, 4, 0, 1, 2]);
  expect(range(2, 2).rot90().toArray()).toEqual([
    [1, 3],
    [0, 2],
  ]);
  expect(range(5).unfold(0, 3, 2).toArray()).toEqual([
    [0, 1, 2],
    [2, 3, 4],
  ]);
  expect(x.T.shape).toEqual([4, 3, 2]);
  expect(() => x.movedim([0, 0], [1, 2])).toThrow("movedim: needs two lists of as many distinct dimensions");
});

test("windows and diagonals are views", () => {
  const x = zeros(3, 3);
  x.diagonal(1).fill_(5);
  x.unfold(0, 2, 1).select(0, 0).select(0, 0).fill_(7);
  expect(x.toArray()).toEqual([
    [7, 5, 0],
    [7, 0, 5],
    [0, 0, 0],
  ]);
});

test("diagonals are read, written and built", () => {
  expect(floatTensor([1, 2]).diagEmbed(1).toArray()).toEqual([
    [0, 1, 0],
    [0, 0, 2],
    [0, 0, 0],
  ]);
  expect(floatTensor([Number.POSITIVE_INFINITY]).diag().toArray()).toEqual([[Number.POSITIVE_INFINITY]]);
  expect(range(3, 3).tril(-1).toArray()).toEqual([
    [0, 0, 0],
    [3, 0, 0],
    [6, 7, 0],
  ]);
  expect(blockDiag(range(1, 2), range(2)).toArray()).toEqual([
    [0, 1, 0, 0],
    [0, 0, 0, 1],
  ]);
  expect(() => zeros(2, 3).diagonalScatter(zeros(3))).toThrow("the place has shape [2], the source [3]");
});

test("einsum contracts, traces and broadcasts", () => {
  const [a, b] = [range(2, 3), range(3, 4)];
  expect(einsum("ij,jk->ik", a, b).toArray()).toEqual(a.matmul(b).toArray());
  expect(einsum("ii", range(3, 3)).item()).toBe(12);
  expect(einsum("...ij->...ji", range(2, 2, 3)).shape).toEqual([2, 3, 2]);
  expect(einsum("i,j->ij", range(2), range(3)).toArray()).toEqual([
    [0, 0, 0],
    [0, 1, 2],
  ]);
  expect(() => einsum("ij,jk->ik", a, a)).toThrow('einsum: "j" has sizes 3 and 2');
  expect(() => einsum("ij->ik", a)).toThrow('"k" in the result');
});

test("order statistics point at their elements, NaN being the largest", () => {
  const x = floatTensor([
    [3, 1, 2, 4],
    [Number.NaN, 0, 1, 2],
  ]);
  expect(x.median(1).values.toArray()).toEqual([2, Number.NaN]);
  expect(x.nanmedian(1).indices.toArray()).toEqual([2, 2]);
  expect(x.kthvalue(2, 1).values.toArray()).toEqual([2, 1]);
  expect(tensor([2, 1, 2, 1, 3]).mode().values.item()).toBe(1);
  expect(
    floatTensor([1, 2, 3, 4])
      .quantile(floatTensor([0, 0.5, 1]))
      .toArray(),
  ).toEqual([1, 2.5, 4]);
  expect(() => floatTensor([1]).quantile(1.5)).toThrow("q must lie between 0 and 1");
});

test("distinct elements come sorted, with their places and counts", () => {
  const [values, inverse, counts] = tensor([3, 1, 3]).unique({
    returnInverse: true,
    returnCounts: true,
  }) as unknown as Tensor[];
  expect([values, inverse, counts].map(String)).toEqual(["tensor([1, 3])", "tensor([1, 0, 1])", "tensor([1, 2])"]);
  const parts = (x: Tensor) => (x.uniqueConsecutive(true, true) as Tensor[]).map((part) => part.toArray());
  expect(parts(tensor([1, 1, 2, 1]))).toEqual([
    [1, 2, 1],
    [0, 0, 1, 2],
    [2, 1, 1],
  ]);
  expect(parts(floatTensor([Number.NaN, Number.NaN, 0, -0]))).toEqual([
    [Number.NaN, Number.NaN, 0],
    [0, 1, 2, 2],
    [1, 1, 2],
  ]);
  expect(parts(zeros(0))).toEqual([[], [], []]);
  expect(String(tensor([1, 1, 2, 1]).uniqueConsecutive())).toBe("tensor([1, 2, 1])");
  expect(
    tensor([1, 3, 5])
      .searchsorted(tensor([3, 4]), { right: true })
      .toArray(),
  ).toEqual([2, 2]);
  expect(
    tensor([5, 9])
      .isin(tensor([9, 1]))
      .toArray(),
  ).toEqual([false, true]);
});

test("among none, few and many", () => {
  const x = floatTensor([Number.NaN, -0, 3, 99.5, 500]).view(5, 1);
  const many = arange(100).to("float32");
  const sets = [zeros(0), floatTensor([0, 3, Number.NaN]), many, cat([many, floatTensor([Number.NaN])])];
  expect(sets.map((set) => x.isin(set).view(-1).toArray())).toEqual([
    [false, false, false, false, false],
    [false, true, true, false, false],
    [false, true, true, false, false],
    [false, true, true, false, false],
  ]);
  expect(x.isin(many, { invert: true }).view(-1).toArray()).toEqual([true, false, false, true, true]);
});

test("no NaN is another, zeros of both signs are one, and nothing is distinct in nothing", () => {
  const x = floatTensor([Number.NaN, -0, Number.NaN, 0, -1]);
  const [values, inverse, counts] = x.unique({ returnInverse: true, returnCounts: true }) as unknown as Tensor[];
  expect(values!.toArray()).toEqual([-1, -0, Number.NaN, Number.NaN]);
  expect([inverse, counts].map((part) => part!.toArray())).toEqual([
    [2, 1, 3, 1, 0],
    [1, 2, 1, 1],
  ]);
  expect((zeros(0).unique() as Tensor).shape).toEqual([0]);
});

test("places of NaN", () => {
  expect(
    floatTensor([1, Number.NaN])
      .searchsorted(floatTensor([2, Number.NaN]))
      .toArray(),
  ).toEqual([1, 1]);
});

test("triangles far off the diagonal are all or nothing", () => {
  const x = range(2, 3).add(1);
  for (const far of [3, 2 ** 40]) {
    expect([x.tril(far), x.triu(-far)].map((part) => part.equal(x))).toEqual([true, true]);
    expect([x.tril(-far), x.triu(far)].map((part) => part.any().item())).toEqual([false, false]);
  }
});

test("positions of what is not zero, in every rank", () => {
  const x = tensor([
    [
      [0, 1],
      [2, 0],
    ],
    [
      [0, 0],
      [-3, 0],
    ],
  ]);
  expect(x.nonzero().toArray()).toEqual([
    [0, 0, 1],
    [0, 1, 0],
    [1, 1, 0],
  ]);
  expect(where(x).map((places) => places.toArray())).toEqual([
    [0, 0, 1],
    [0, 1, 1],
    [1, 0, 0],
  ]);
  expect(tensor(5).nonzero().shape).toEqual([1, 0]);
  expect(zeros(0, 3).nonzero().shape).toEqual([0, 2]);
});

test("elements are placed by masks and positions", () => {
  const x = zeros(2, 2);
  const mask = tensor([
    [true, false],
    [false, true],
  ]);
  expect(x.maskedScatter(mask, floatTensor([1, 2, 3])).toArray()).toEqual([
    [1, 0],
    [0, 2],
  ]);
  expect(range(2, 2).maskedSelect(mask).toArray()).toEqual([0, 3]);
  expect(x.indexPut([tensor([0, 0]), tensor([1, 1])], floatTensor([1, 2]), true).toArray()).toEqual([
    [0, 3],
    [0, 0],
  ]);
  expect(
    range(3)
      .take(tensor([[-1, 0]]))
      .toArray(),
  ).toEqual([[2, 0]]);
  const reduced = floatTensor([10, 20]).scatterReduce(0, tensor([0, 0]), floatTensor([1, 3]), "mean", false);
  expect(reduced.toArray()).toEqual([2, 20]);
  expect(
    tensor([true, false])
      .scatterAdd(0, tensor([0, 0]), tensor([true, true]))
      .toArray(),
  ).toEqual([true, false]);
});

test("choices and grids", () => {
  expect(cartesianProd(tensor([1, 2]), tensor([3])).toArray()).toEqual([
    [1, 3],
    [2, 3],
  ]);
  expect(combinations(tensor([1, 2, 3])).toArray()).toEqual([
    [1, 2],
    [1, 3],
    [2, 3],
  ]);
  expect(meshgrid(range(3), range(2), { indexing: "xy" }).map((x) => x.shape)).toEqual([
    [2, 3],
    [2, 3],
  ]);
  expect(columnStack([range(2), range(2, 2)]).toArray()).toEqual([
    [0, 0, 1],
    [1, 2, 3],
  ]);
});

test("numbers meet a dtype last", () => {
  expect(resultType(tensor([1]), 1.5)).toBe("float32");
  expect(resultType(tensor([true]), 2)).toBe("int64");
  expect(resultType(tensor([1], { dtype: "uint8" }), 300)).toBe("uint8");
});

test("functions of tensors refuse numbers, bits refuse floats, bools refuse arithmetic", () => {
  expect(() => tensor([1]).maximum(2 as never)).toThrow("maximum: needs tensors, got a tensor [1] and 2");
  expect(() => floatTensor([1]).bitwiseAnd(1)).toThrow("bitwiseAnd: needs whole numbers");
  expect(() => tensor([true]).neg()).toThrow("neg: bool tensors have no arithmetic");
});

test("sizes and dimensions may be named", () => {
  const x = range(2, 3);
  expect(x.flip({ dims: [0] }).toArray()).toEqual(x.flip(0).toArray());
  expect(x.permute({ dims: [1, 0] }).shape).toEqual([3, 2]);
  expect(x.reshape({ shape: [3, -1] }).shape).toEqual([3, 2]);
  expect(x.repeat({ repeats: [2, 1] }).shape).toEqual([4, 3]);
  expect(() => x.flip({ dim: [0] } as never)).toThrow('flip: unknown option "dim". It takes dims');
});

test("casts take their device and flags as PyTorch does", () => {
  const x = range(2);
  expect(x.to("cpu", "float64", false, true).dtype).toBe("float64");
  expect(x.to("float32") === x).toBe(true);
  expect(x.to("float32", { copy: true }) === x).toBe(false);
  expect(x.to("float32", false, true).storage === x.storage).toBe(false);
});

test("slopes are those of parabolas through neighbours", () => {
  const x = floatTensor([0, 1, 3, 4]);
  const [slope] = x.square().gradient([x], 0, 2) as [Tensor];
  expect(slope.toArray()).toEqual([0, 2, 6, 8]);
  expect(
    range(2, 3)
      .gradient(0.5)
      .map((part) => part.toArray()),
  ).toEqual([
    [
      [6, 6, 6],
      [6, 6, 6],
    ],
    [
      [2, 2, 2],
      [2, 2, 2],
    ],
  ]);
  expect(() => range(2).gradient(1, 0, 2)).toThrow("dimension 0 needs more than 2 elements, got 2");
});

test("a slope looks past its own place, where neighbours lie as far on both sides", () => {
  const [slope] = floatTensor([0, 1, Number.POSITIVE_INFINITY, 5]).gradient() as [Tensor];
  expect(slope.toArray()).toEqual([1, Number.POSITIVE_INFINITY, 2, Number.NEGATIVE_INFINITY]);
});

test("what lies between two numbers ends at both", () => {
  const [start, end] = [floatTensor([1e8, 1]), floatTensor([1, 1e8])] as const;
  for (const [weight, expected] of [
    [0, start],
    [1, end],
  ] as const) {
    expect(start.lerp(end, weight).toArray()).toEqual(expected.toArray());
    expect(start.lerp(end, floatTensor([weight, weight])).toArray()).toEqual(expected.toArray());
  }
});

test.each(["uint8", "int8", "int64"] as const)("%s that are close do not wrap around", (dtype) => {
  const [a, b] = [tensor([1, 2, 0], { dtype }), tensor([2, 1, 127], { dtype })];
  expect(a.isclose(b, 0.1, 1).toArray()).toEqual([true, true, false]);
  expect(
    tensor([0], { dtype: "uint8" })
      .isclose(tensor([255], { dtype: "uint8" }), 0.1)
      .item(),
  ).toBe(false);
});

test.each(["float16", "bfloat16"] as const)("moments and norms of %s are as wide as their elements", (dtype) => {
  const big = tensor([3e4, -4e4], { dtype });
  const many = tensor([1, -1], { dtype }).repeat(40_000);
  const roomy = (x: Tensor): Tensor[] => [x.norm(), x.norm(3), x.std(), x.std(0, false), x.dist(x.mul(0))];
  const rounded = (x: Tensor): unknown[] => roomy(x.to("float32")).map((y) => y.to(dtype).item());
  expect(roomy(big).map((y) => y.item())).toEqual(rounded(big));
  expect(roomy(many).map((y) => y.item())).toEqual(rounded(many));
  expect(many.var().item()).toBe(1);
});

test("histograms count between bounds, the last one included", () => {
  const { hist, binEdges } = floatTensor([0, 1, 1.5, 4]).histogram(4);
  expect([hist.toArray(), binEdges.toArray()]).toEqual([
    [1, 2, 0, 1],
    [0, 1, 2, 3, 4],
  ]);
  const dense = floatTensor([0, 1, 3]).histogram(floatTensor([0, 1, 3]), null, floatTensor([2, 1, 1]), true);
  expect(dense.hist.toArray()).toEqual([0.5, 0.25]);
});

test("real numbers are their own conjugates", () => {
  const x = floatTensor([[-1, 2]]);
  expect(x.conj() === x).toBe(true);
  expect(x.H.shape).toEqual([2, 1]);
  expect(x.angle().toArray()).toEqual([[expect.closeTo(Math.PI, 6), 0]]);
  expect(() => range(2, 2, 2).H).toThrow("H: needs a matrix, got 3 dimensions. Use .mH");
});

test("whole numbers in a narrow range are counted, with their numbers and how often they occur", () => {
  const x = tensor(Array.from({ length: 500 }, (_, i) => ((i * 7) % 5) - 3)).view(50, 10);
  const [values, inverse, counts] = x.unique(true, true, true) as [Tensor, Tensor, Tensor];
  expect([values.dtype, values.toArray(), counts.toArray()]).toEqual([
    "int64",
    [-3, -2, -1, 0, 1],
    [100, 100, 100, 100, 100],
  ]);
  expect(values.indexSelect(0, inverse.view(-1)).view(50, 10).equal(x)).toBe(true);
});

test("16-bit sums of products are rounded once, and sinc does not overflow", () => {
  const brief = (value: number): Tensor => tensor([value], { dtype: "bfloat16" });
  const [x, y, z] = [brief(-1), brief(1 + 2 ** -7), brief(1 + 3 * 2 ** -7)];
  expect(x.addcmul(y, z).item()).toBe(brief((1 + 2 ** -7) * (1 + 3 * 2 ** -7) - 1).item());
  expect(x.addcdiv(y, y, 1.0001).item()).toBe(brief(Math.fround(1.0001) - 1).item());
  expect(tensor([30000.5, 65504], { dtype: "float16" }).sinc().isfinite().all().item()).toBe(true);
});

test("a masked tensor lies as it did, whatever the mask does", () => {
  const future = ones([3, 3]).tril(-1).t().bool();
  const scores = zeros([2, 3, 3]).maskedFill(future, Number.NEGATIVE_INFINITY);
  expect(scores.isContiguous()).toBe(true);
  expect(scores.view(2, 9).at(0).toArray()).toEqual([0, -Infinity, -Infinity, 0, 0, -Infinity, 0, 0, 0]);
  expect(zeros([3, 3]).t().maskedFill(future, 1).toArray()).toEqual(future.float().toArray());
});
