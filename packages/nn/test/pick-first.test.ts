import "@dl/autograd";
import "@dl/backend-cpu";
import { floatTensor, randn, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, test } from "vitest";
import { Conv2d, Dropout, F, Identity, MaxPool1d, MaxPool2d, ReLU, Sequential } from "../src/index.ts";

class CountingReLU extends ReLU {
  override forward(input: Tensor): Tensor {
    return super.forward(input).mul(2);
  }
}

const last = (result: Tensor): string => result.gradFn!.name;

describe("ReLU before max pooling runs behind it", () => {
  const input = floatTensor([[-2, -1, 3, Number.NaN, -0, 0, 5, 5, -1, -1]]);

  test("with the same values and gradients", () => {
    const [x, y] = [input.clone().requiresGrad_(), input.clone().requiresGrad_()];
    const ours = new Sequential(new ReLU(), new MaxPool1d(2))(x);
    const asWritten = F.maxPool1d(F.relu(y), 2);
    expect(last(ours)).toBe("ReluBackward0");
    expect(ours.toArray()).toEqual(asWritten.toArray());
    ours.sum().backward();
    asWritten.sum().backward();
    expect(x.grad!.toArray()).toEqual(y.grad!.toArray());
  });

  test("in place, behind a convolution, whose result nobody else has", () => {
    const net = new Sequential(new Conv2d(1, 2, 3), new ReLU({ inplace: true }), new MaxPool2d(2));
    const x = randn(2, 1, 8, 8);
    const [conv] = net.values();
    const asWritten = F.maxPool2d(F.relu(conv!(x)), 2);
    const result = net(x);
    expect(last(result)).toBe("ReluBackward0");
    expect(result.toArray()).toEqual(asWritten.toArray());
  });

  test("but not where somebody may see its result", () => {
    const inPlace = new Sequential(new Identity(), new ReLU({ inplace: true }), new MaxPool1d(2));
    const x = input.clone();
    inPlace(x);
    expect(x.toArray()).toEqual(F.relu(input).toArray());

    const seen: number[][] = [];
    const watched = new ReLU();
    watched.registerForwardHook((_, __, output) => void seen.push([...(output as Tensor).shape]));
    new Sequential(watched, new MaxPool1d(2))(input);
    expect(seen).toEqual([[1, 10]]);
  });

  test("nor where what comes next works in place: it would write over what the gradient needs", () => {
    const [x, y] = [input.clone().requiresGrad_(), input.clone().requiresGrad_()];
    new Sequential(new ReLU(), new MaxPool1d(2), new ReLU({ inplace: true }), new Dropout(0, true))(x).sum().backward();
    F.maxPool1d(F.relu(y), 2).sum().backward();
    expect(x.grad!.toArray()).toEqual(y.grad!.toArray());
  });

  test("nor where either is another layer than it seems, or pooling gives more than the largest", () => {
    const x = input.clone().requiresGrad_();
    const pool = new MaxPool1d(2);
    expect(last(new Sequential(new CountingReLU(), pool)(x))).toBe("SqueezeBackward0");
    expect(last(new Sequential(new ReLU(), new MaxPool1d(2, { dilation: 2 }))(x))).toBe("SqueezeBackward0");
    const pair = new Sequential(new ReLU(), new MaxPool1d(2, { returnIndices: true }))(x) as unknown as [
      Tensor,
      Tensor,
    ];
    expect(pair[1].dtype).toBe("int64");
  });
});

describe("a convolution and the max pooling or ReLU behind it run as one", () => {
  const same = (net: Sequential, shape: readonly number[]): void => {
    const [conv, pool] = net.values();
    const [x, y] = [randn(shape), randn(shape)];
    y.copy_(x);
    for (const input of [x, y]) input.requiresGrad_();
    const ours = net(x);
    const asWritten = pool!(conv!(y)) as Tensor;
    expect(last(ours)).toBe(last(asWritten));
    expect(ours.toArray()).toEqual(asWritten.toArray());
    ours.square().sum().backward();
    const gradients = [...net.parameters()].map((parameter) => parameter.grad!.clone());
    net.zeroGrad();
    asWritten.square().sum().backward();
    [x, ...gradients].forEach((gradient, i) => {
      const expected = i === 0 ? y.grad! : net.parameters()[i - 1]!.grad!;
      const got = i === 0 ? x.grad! : gradient;
      expect(got.sub(expected).abs().max().item()).toBeLessThan(1e-3);
    });
  };

  test("with the same values and gradients", () => {
    same(new Sequential(new Conv2d(2, 7, 3), new MaxPool2d(2)), [3, 2, 12, 15]);
    same(new Sequential(new Conv2d(2, 7, 3, { padding: "same" }), new MaxPool2d(3, { stride: 1 })), [3, 2, 12, 15]);
    same(new Sequential(new Conv2d(2, 4, 3, { padding: 1, paddingMode: "reflect" }), new MaxPool2d(2)), [2, 12, 15]);
  });

  test("so do it and ReLU, in place or not, with the same gradients", () => {
    same(new Sequential(new Conv2d(2, 7, 3), new ReLU()), [3, 2, 12, 15]);
    same(new Sequential(new Conv2d(2, 7, 3, { padding: 1 }), new ReLU({ inplace: true })), [3, 2, 40, 45]);
    same(new Sequential(new Conv2d(2, 7, 3), new CountingReLU()), [3, 2, 12, 15]);
  });

  test("but not where hooks see what is between", () => {
    const net = new Sequential(new Conv2d(1, 2, 3), new MaxPool2d(2));
    const seen: unknown[] = [];
    net[0]!.registerForwardHook((_, __, output) => void seen.push((output as Tensor).toArray()));
    const x = randn(1, 1, 6, 6);
    const result = net(x);
    expect(F.maxPool2d(tensor(seen[0] as number[][][][]), 2).toArray()).toEqual(result.toArray());
  });
});
