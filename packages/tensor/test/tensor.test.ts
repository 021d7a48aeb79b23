import { readFileSync } from "node:fs";
import {
  cat,
  floatTensor,
  fromArray,
  full,
  maximum,
  ones,
  pow,
  randint,
  scope,
  setTypePromotion,
  type Tensor,
  tensor,
  unique,
  version,
  where,
  withTypePromotion,
  zeros,
} from "@dl/tensor";
import { afterEach, expect, test } from "vitest";
import { backend } from "./reference.ts";

afterEach(() => setTypePromotion(false));

test("dtypes follow the data, or are given", () => {
  expect(tensor([1, 2]).dtype).toBe("int64");
  expect(tensor([1, 2.5]).dtype).toBe("float32");
  expect(tensor([true]).dtype).toBe("bool");
  expect(tensor(new Float64Array(2)).dtype).toBe("float64");
  expect(tensor([1.9, -1.9], { dtype: "int8" }).toArray()).toEqual([1, -1]);
  expect(() => tensor([1], { dtype: "float" as never })).toThrow('unknown dtype "float"');
});

test("rows may be typed arrays, which give the dtype", () => {
  const rows = tensor([new Float32Array([1, 2]), new Float32Array([3, 4])]);
  expect([rows.dtype, rows.toArray()]).toEqual([
    "float32",
    [
      [1, 2],
      [3, 4],
    ],
  ]);
  expect(tensor([[new BigInt64Array([5n])]], { dtype: "float64" }).toArray()).toEqual([[[5]]]);
  expect(tensor([new Uint8Array(0)]).shape).toEqual([1, 0]);
  const ragged = (): Tensor => tensor([new Float32Array(2), new Float32Array(3)]);
  expect(ragged).toThrow("the list at [1] has 3 elements where its first sibling has 2");
  expect(() => tensor([new Uint16Array(2)])).toThrow("is no number");
});

test("methods that PyTorch has as fields are not assigned to", () => {
  const x = zeros(2);
  expect(() => Object.assign(x, { data: zeros(2) })).toThrow("data: is a method");
  expect(typeof x.data).toBe("function");
});

test("ragged lists name the place and both lengths", () => {
  expect(() =>
    tensor([
      [1, 2],
      [3, 4, 5],
    ]),
  ).toThrow("the list at [1] has 3 elements where its first sibling has 2 elements");
  expect(() => tensor([[1], 2] as never)).toThrow("the list at [1] has a single number");
  expect(() => tensor([["x"]] as never)).toThrow('"x" at [0, 0] is no number');
  const deep = (last: unknown) => Array.of([[1], [2]], [[3], last]) as never;
  expect(() => tensor(deep([null]))).toThrow("null at [1, 1, 0] is no number");
  expect(() => tensor(deep([4, 5]))).toThrow("the list at [1, 1] has 2 elements");
  expect(() => tensor([tensor(1)] as never)).toThrow("a tensor [] at [0] is no number. Join tensors with stack or cat");
});

test("int64 is exact beyond 2^53", () => {
  const big = 2n ** 60n + 1n;
  expect(tensor([big]).toArray()).toEqual([big]);
  expect(tensor([2 ** 40]).item()).toBe(2 ** 40);
});

test("numbers beyond a dtype make no others", () => {
  expect(tensor([1e20, -1]).dtype).toBe("float32");
  expect(tensor([2 ** 63]).dtype).toBe("float32");
  expect(tensor([-(2 ** 63), 2n ** 63n - 1n]).toArray()).toEqual([-(2n ** 63n), 2n ** 63n - 1n]);
  expect(tensor([1, 2]).add(1e20).toArray()).toEqual([Math.fround(1e20), Math.fround(1e20)]);
  expect(tensor([255.9, -1, -255], { dtype: "uint8" }).toArray()).toEqual([255, 255, 1]);
  for (const [value, dtype] of [
    [256, "uint8"],
    [-256, "uint8"],
    [128, "int8"],
    [-129.5, "int8"],
    [2 ** 31, "int32"],
    [2 ** 63, "int64"],
    [2n ** 63n, "int64"],
    [-(2n ** 63n) - 1n, "int64"],
    [Number.NaN, "int16"],
  ] as const) {
    const message = `tensor: ${value} is no number of ${dtype}. Give a wider dtype, or a float one such as { dtype: "float32" }`;
    expect(() => tensor([1, value], { dtype })).toThrow(message);
  }
  expect(() => full([2], 300, { dtype: "uint8" })).toThrow("full: 300 is no number of uint8");
  const bytes = full([2], 50, { dtype: "uint8" });
  const [mask, first] = [tensor([true, false]), tensor([0])];
  for (const change of [
    () => bytes.fill_(300),
    () => bytes.maskedFill(mask, 300),
    () => bytes.maskedFill_(mask, 300),
    () => bytes.indexFill(0, first, 300),
    () => bytes.scatter(0, first, 300),
    () => bytes.clamp(null, 300),
    () => bytes.clamp_(300),
    () => where(mask, bytes, 300),
    () => where(mask, 300, bytes),
    () => bytes.add(bytes, { alpha: 300 }),
  ]) {
    expect(change).toThrow("300 is no number of uint8");
  }
  expect(bytes.toArray()).toEqual([50, 50]);
  expect(bytes.add(300).toArray(), "arithmetic wraps").toEqual([94, 94]);
  expect(bytes.fill_(-1).toArray(), "and what is below 0").toEqual([255, 255]);
  expect(() => tensor(2n ** 64n)).toThrow("is no number of int64");
});

test("numbers beyond a float dtype are refused where one is written, and infinite where elements are read", () => {
  const x = floatTensor([1, 2]);
  const [mask, first] = [tensor([true, false]), tensor([0])];
  for (const change of [
    () => x.fill_(1e40),
    () => x.set_(0, 1e40),
    () => full([2], 1e40),
    () => x.maskedFill(mask, 1e40),
    () => where(mask, x, 1e40),
    () => x.clamp(null, 1e40),
    () => x.indexFill(0, first, 1e40),
    () => x.add(x, { alpha: 1e40 }),
  ]) {
    expect(change).toThrow("1e+40 is no number of float32. Give a wider dtype, or ±Infinity");
  }
  expect(() => x.half().maskedFill(mask, -1e9)).toThrow("-1000000000 is no number of float16");
  expect(() => x.bfloat16().fill_(3.39e38)).toThrow("is no number of bfloat16");
  expect(x.toArray()).toEqual([1, 2]);
  expect(x.half().fill_(-65504).toArray()).toEqual([-65504, -65504]);
  expect(x.maskedFill(mask, Number.NEGATIVE_INFINITY).toArray()).toEqual([Number.NEGATIVE_INFINITY, 2]);
  expect(tensor([1e40]).add(1e40).toArray()).toEqual([Number.POSITIVE_INFINITY]);
  expect(full([1], 1e40, { dtype: "float64" }).toArray()).toEqual([1e40]);
});

test("16-bit floats round to nearest even and come back", () => {
  expect(tensor([65504, 65520, 2049, 6e-8, 0.1], { dtype: "float16" }).toArray()).toEqual([
    65504,
    Number.POSITIVE_INFINITY,
    2048,
    2 ** -24,
    0.0999755859375,
  ]);
  expect(tensor([1.00390625, 3.39e38], { dtype: "bfloat16" }).toArray()).toEqual([1, 3.3895313892515355e38]);
});

test("types tell what is known", async () => {
  // @ts-expect-error whole numbers make int64, and nothing says otherwise
  const whole: Tensor<"float32"> = tensor([1, 2]);
  // @ts-expect-error float32 unless it is said otherwise
  const zero: Tensor<"float64"> = zeros(2);
  const wide: Tensor<"float64"> = zeros(2, { dtype: "float64" });
  expect([whole.dtype, zero.dtype, wide.dtype]).toEqual(["int64", "float32", "float64"]);
  const same: boolean = wide.eq(0).all().item();
  const first: number = wide.at(0).item();
  const moved: Tensor<"float64">[] = [wide.to("cpu"), wide.to({ device: "cpu" })];
  expect(moved.every((x) => x === wide)).toBe(true);
  const raw: Float64Array = await wide.data();
  expect([same, first, raw]).toEqual([true, 0, Float64Array.of(0, 0)]);
  // @ts-expect-error a quotient of whole numbers is none
  const half: Tensor<"int64"> = randint(0, 9, [3]).div(2);
  const down: Tensor<"int64"> = randint(0, 9, [3]).div(2, { roundingMode: "floor" });
  expect([half.dtype, down.dtype]).toEqual(["float32", "int64"]);
});

test("types follow what is asked for", () => {
  const x = tensor([3, 1, 3]);
  expect([unique(x).shape, x.unique().shape, x.nonzero(false).shape]).toEqual([[2], [2], [3, 1]]);
  const [values, counts] = unique(x, { returnCounts: true });
  const [, inverse, again] = x.unique(true, true, true);
  expect([values, counts, inverse, again].map((part) => part.toArray())).toEqual([
    [1, 3],
    [1, 2],
    [1, 0, 1],
    [1, 2],
  ]);
  const options: { keepdim: boolean | undefined } = { keepdim: undefined };
  expect(x.max({ dim: 0, ...options }).values.item()).toBe(3);
  expect(tensor(new Uint8ClampedArray([300])).item()).toBe(255);
});

test("mixed dtypes are refused with the remedy, promoted when that is on", () => {
  const [a, b] = [floatTensor([1]), tensor([1], { dtype: "float64" })];
  // @ts-expect-error the compiler refuses it too
  expect(() => a.add(b)).toThrow(
    'add: operands have dtypes float32 and float64, and they do not mix. Cast with .to("float64")',
  );
  expect(() => cat([a, b])).toThrow("cat: operands have dtypes");
  expect(() => (tensor([1]) as Tensor).add(a as Tensor)).toThrow('Cast with .to("float32")');
  // @ts-expect-error as above
  expect(withTypePromotion(() => a.add(b)).dtype).toBe("float64");
  expect(tensor([1, 2]).mul(0.5).dtype).toBe("float32");
  expect(tensor([1, 2]).add(1).dtype).toBe("int64");
  expect(tensor([4, 2]).div(2).dtype).toBe("float32");
});

test("what keeps a dtype says so in its type", () => {
  const x = zeros(2, 3);
  const floats: Tensor<"float32">[] = [x.exp(), x.clamp(0, 1), x.pow(2), x.std(), x.logsumexp(0), x.lerp(x, 0.5)];
  floats.push(x.addcmul(x, x), x.add_(1), x.mul_(2), x.clamp_(0, 1), x.zero_(), x.tril_());
  expect(new Set(floats.map(({ dtype }) => dtype))).toEqual(new Set(["float32"]));

  const bytes = zeros(2, 3, { dtype: "uint8" });
  const at = tensor([[0, 1, 0]]);
  const same: Tensor<"uint8">[] = [bytes.at(0), bytes.gather(0, at), bytes.indexSelect(0, at.at(0)), bytes.take(at)];
  same.push(
    bytes.maskedSelect(bytes.eq(0)),
    bytes.maskedFill(bytes.eq(0), 1),
    bytes.takeAlongDim(at, 0),
    bytes.scatter(0, at, bytes),
  );
  same.push(bytes.flatten(), bytes.movedim(0, 1), bytes.unfold(1, 2, 1), bytes.diagonal(), bytes.expandAs(bytes));
  same.push(bytes.repeat(2, 1), bytes.tile([2]), bytes.roll(1), bytes.rot90(), bytes.flipud(), bytes.triu());
  same.push(bytes.amax(0), bytes.msort(), bytes.bitwiseNot(), bytes.mm(bytes.t()), bytes.sub_(1), bytes.fill_(3));
  expect(new Set(same.map(({ dtype }) => dtype))).toEqual(new Set(["uint8"]));

  const wide = zeros(3, { dtype: "float64" });
  const row: Tensor<"float32"> = x.exp().at(0);
  // @ts-expect-error so the compiler refuses to mix it
  expect(() => row.add(wide)).toThrow("do not mix");
  // @ts-expect-error a whole number's exponential has another dtype
  const whole: Tensor<"uint8"> = bytes.exp();
  expect([whole.dtype, wide.exp().dtype]).toEqual(["float32", "float64"]);
});

test("methods are PyTorch's, not what they are made of", () => {
  expect(["addcmul_", "exp_", "mul_"].every((name) => name in ones(1))).toBe(true);
  expect(["huber_", "reluBackward_", "tally", "limit", "atleast1d"].filter((name) => name in ones(1))).toEqual([]);
});

test("a multiple that is added is taken in the dtype of the sum", () => {
  const bytes: Tensor = tensor([200], { dtype: "uint8" });
  const flags: Tensor = tensor([true]);
  withTypePromotion(() => {
    expect(floatTensor([1]).add(bytes, { alpha: 3 }).item()).toBe(601);
    expect(floatTensor([1]).sub_(bytes, { alpha: 3 }).item()).toBe(-599);
    expect(tensor([1]).add(flags, { alpha: 3 }).item()).toBe(4);
  });
  expect(flags.add(flags, { alpha: 3 }).toArray()).toEqual([true]);
});

test("operands that are no tensors are named", () => {
  const remedy = "Make it one with tensor(…)";
  expect(() => ones(2).mul([1, 2] as never)).toThrow(`mul: needs tensors and numbers, got [1, 2]. ${remedy}`);
  expect(() => ones(2).add_("1" as never)).toThrow(`add_: needs tensors and numbers, got "1". ${remedy}`);
  expect(() => ones(2).eq(3n as never)).toThrow(`eq: needs tensors and numbers, got 3n. ${remedy}`);
  expect(() => maximum(ones(2), Object.create(null))).toThrow("maximum: needs tensors, got a tensor [2] and an object");
});

test("where a number is asked for, a tensor of one element is one", () => {
  const [loss, best] = [floatTensor(10), floatTensor([9])];
  expect(Number(loss)).toBe(10);
  expect([loss < best, loss > best]).toEqual([false, true]);
  expect(`${loss}`).toBe("tensor(10.)");
  expect(() => Number(zeros(2))).toThrow("item: needs a single element, got shape [2]");
});

test("JSON holds a tensor's elements", () => {
  expect(JSON.stringify({ loss: floatTensor(0.5), x: tensor([[1, 2]]).t() })).toBe('{"loss":0.5,"x":[[1],[2]]}');
});

test("numpy shares memory, and only where that can be", () => {
  const x = zeros(2, 3);
  const array = x.t().numpy();
  expect(array).toMatchObject({ shape: [3, 2], stride: [1, 3], offset: 0 });
  array.data[4] = 5;
  expect(x.at(1, 1).item()).toBe(5);
  expect(() => zeros(1, { requiresGrad: true }).numpy()).toThrow(".detach().numpy()");
});

test("options may be given by place or by name, wrong ones are named", () => {
  const x = ones(2, 3);
  expect(x.sum(1, true).shape).toEqual(x.sum({ dim: 1, keepdim: true }).shape);
  expect(x.sum(1, { keepdim: true }).shape).toEqual([2, 1]);
  // @ts-expect-error no such option
  expect(() => x.sum({ dims: 1 })).toThrow('sum: unknown option "dims". It takes input, dim, keepdim, dtype');
});

test("a gradient that is set has its tensor's shape and dtype", () => {
  const x = zeros(2, { requiresGrad: true });
  expect(() => {
    x.grad = zeros(1);
  }).toThrow("grad: needs float32 [2], got float32 [1]");
  expect(() => {
    x.grad = zeros(2, { dtype: "int64" }) as never;
  }).toThrow("grad: needs float32 [2], got int64 [2]");
  x.grad = zeros(2);
  x.grad = null;
  expect(x.grad).toBe(null);
});

test("whole numbers have no negative powers", () => {
  expect(() => tensor([2]).pow(-1)).toThrow("pow: needs a float dtype");
  expect(tensor([2]).pow(-0.5).toArray()).toEqual([expect.closeTo(Math.SQRT1_2, 6)]);
  expect(pow(2, tensor([-1])).toArray()).toEqual([0]);
});

test("in-place work needs room of its own, and a result that fits", () => {
  const x = ones(2, 1);
  expect(() => x.expand(2, 3).add_(1)).toThrow("several elements of an expanded tensor share one place");
  expect(() => x.add_(ones(2, 2))).toThrow("the result has shape [2, 2], the target [2, 1]");
  expect(() => tensor([1]).add_(0.5)).toThrow("the result is float32 and cannot be kept in int64");
  const y = tensor([1, 2, 3, 4]);
  y.at([1, 4]).copy_(y.at([0, 3]));
  expect(y.toArray()).toEqual([1, 1, 2, 3]);
  expect(y.storage.version).toBeGreaterThan(0);
});

test("scope frees what was made inside, except what it returns", () => {
  const before = backend.live;
  const kept = scope(() => {
    const x = ones(3).add(1);
    return { inside: [x.mul(2)], number: scope(() => x.sum().item()) };
  });
  expect(backend.live).toBe(before + 1);
  expect(kept.number).toBe(6);
  kept.inside[0]!.dispose();
  expect(backend.live).toBe(before);
  expect(() => kept.inside[0]!.add(1)).toThrow("this tensor was disposed");
  expect(() => scope((async () => 1) as never)).toThrow("scope: its body returned a promise");
});

test("views keep the storage alive, the last one frees it", () => {
  const before = backend.live;
  const x = full([2, 2], 1.5);
  const row = x.at(0);
  x.dispose();
  expect(row.toArray()).toEqual([1.5, 1.5]);
  row.dispose();
  row.dispose();
  expect(backend.live).toBe(before);
});

test("fromArray takes whole arrays and counts them", () => {
  expect(fromArray(Int32Array.of(1, 2, 3, 4), [2, 2]).toArray()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(() => fromArray(new Float32Array(3), [2, 2])).toThrow("fromArray: 3 elements do not fill shape [2, 2]");
});

test("the version is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  expect(version).toBe(manifest.version);
});

test("a single element adds up as a number", () => {
  const loss = tensor(2.5) as unknown as number;
  expect([1 + loss, loss > 2, `${loss}`]).toEqual([3.5, true, "tensor(2.5000)"]);
  expect(`x: ${ones(2)}`).toBe("x: tensor([1., 1.])");
  expect((ones(2) as unknown as string) + 1).toBe("tensor([1., 1.])1");
});
