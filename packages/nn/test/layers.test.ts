import "@dl/autograd";
import "@dl/backend-cpu";
import { arange, manualSeed, ones, rand, randn, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

describe("constructors", () => {
  it("take parameters by position, by name, or mixed", () => {
    const made = [
      new nn.Conv2d(1, 4, 5, 2, 1),
      new nn.Conv2d(1, 4, 5, { stride: 2, padding: 1 }),
      new nn.Conv2d(1, 4, { kernelSize: 5, stride: 2, padding: 1 }),
      new nn.Conv2d({ inChannels: 1, outChannels: 4, kernelSize: [5, 5], stride: 2, padding: [1, 1] }),
    ];
    for (const conv of made) {
      expect(String(conv)).toBe("Conv2d(1, 4, kernel_size=(5, 5), stride=(2, 2), padding=(1, 1))");
    }
  });

  it("list their parameters", () => {
    expect(nn.Linear.names).toEqual(["inFeatures", "outFeatures", "bias", "device", "dtype"]);
    expect(nn.MaxPool2d.names).toContain("ceilMode");
    expect(nn.LazyLinear.names).toEqual(["outFeatures", "bias", "device", "dtype"]);
  });

  it("refuse what they do not know", () => {
    expect(() => new nn.Linear(1, 2, { biass: false } as never)).toThrow(
      /Linear: unknown option "biass"\. It takes inFeatures/,
    );
    expect(() => new (nn.ReLU as unknown as new (...args: unknown[]) => nn.ReLU)(true, 1)).toThrow(
      /takes at most 1 arguments/,
    );
    expect(() => new nn.Linear(1, 2, { inFeatures: 1 } as never)).toThrow(/inFeatures is given twice/);
    expect(() => new nn.Conv2d(3, 4, 1, { groups: 2 })).toThrow(/3 and 4 channels do not both divide into 2 groups/);
    expect(() => new nn.ConvTranspose2d(1, 1, 3, { padding: "same" as never })).toThrow(
      'ConvTranspose2d: padding needs numbers, got "same"',
    );
    expect(() => new nn.Dropout(2)).toThrow(/probability must lie in \[0, 1\], got 2/);
  });

  it("are checked by the compiler, and so are calls", () => {
    const misuses = [
      // @ts-expect-error outFeatures is missing
      () => new nn.Linear(1),
      // @ts-expect-error outFeatures is missing
      () => new nn.Linear({ inFeatures: 1 }),
      // @ts-expect-error no such parameter
      () => new nn.Linear(1, 2, { biass: true }),
      // @ts-expect-error a module takes what its forward takes
      () => new nn.Linear(1, 2)(3),
      // @ts-expect-error a pair
      (): Tensor => new nn.GRU(1, 2)(zeros(1, 1)),
    ];
    expect(misuses).toHaveLength(5);
  });

  it("make parameters of the dtype asked for", () => {
    expect(new nn.Linear(2, 2, { dtype: "float64" }).weight.dtype).toBe("float64");
  });
});

describe("wrong shapes", () => {
  it("are named with what was needed", () => {
    expect(() => new nn.Linear(500, 10)(zeros(64, 512))).toThrow(
      "linear: weight [10, 500] needs 500 input features, got [64, 512]",
    );
    expect(() => new nn.Conv2d(3, 8, 3)(zeros(1, 1, 9, 9))).toThrow(/needs 3 input channels, got 1/);
    expect(() => new nn.Conv2d(1, 8, 3)(zeros(9, 9))).toThrow("conv2d: needs [N, C, H, W] or [C, H, W], got [9, 9]");
    expect(() => new nn.BatchNorm2d(3)(zeros(2, 3))).toThrow("BatchNorm2d: needs [N, C, H, W], got [2, 3]");
    expect(() => new nn.LSTM(4, 3)(zeros(2, 5))).toThrow(/needs \[L, N, 4\] or \[L, 4\], got \[2, 5\]/);
    expect(() => new nn.MultiheadAttention(4, 2)(zeros(1, 1, 3), zeros(1, 1, 4), zeros(1, 1, 4))).toThrow(
      /query needs 4 features, got \[1, 1, 3\]/,
    );
    expect(() => new nn.Embedding(3, 2)(tensor([3]))).toThrow(/row 3 is out of range: the table has 3 rows/);
  });
});

describe("default initialisation", () => {
  it("is uniform within 1/√fanIn, and the same for a seed", () => {
    const make = (): nn.Linear => {
      manualSeed(3);
      return new nn.Linear(400, 300);
    };
    const { weight, bias } = make();
    expect(weight.abs().amax().item()).toBeLessThanOrEqual(1 / 20);
    expect(weight.abs().amax().item()).toBeGreaterThan(0.049);
    expect(weight.var().item()).toBeCloseTo(1 / 20 ** 2 / 3, 5);
    expect(bias!.abs().amax().item()).toBeLessThanOrEqual(1 / 20);
    expect(make().weight.toArray()).toEqual(weight.toArray());
  });
});

describe("dropout", () => {
  it("keeps the mean in training and does nothing in eval mode", () => {
    manualSeed(1);
    const dropout = new nn.Dropout(0.25);
    const x = ones(100, 100);
    const values = dropout(x);
    expect(values.mean().item()).toBeCloseTo(1, 1);
    expect(values.eq(0).to("float32").mean().item()).toBeCloseTo(0.25, 1);
    expect(dropout.eval()(x)).toBe(x);
  });

  it("drops whole channels in its 2d form", () => {
    manualSeed(1);
    const sums = new nn.Dropout2d(0.5)(ones(4, 8, 3, 3))
      .sum([2, 3])
      .toArray() as number[][];
    expect(new Set(sums.flat())).toEqual(new Set([0, 18]));
  });
});

describe("batch norm", () => {
  it("normalises by the batch in training, by running moments after", () => {
    const norm = new nn.BatchNorm1d(2);
    const x = tensor([
      [1, 10],
      [3, 30],
    ]).to("float32");
    const out = norm(x).toArray() as number[][];
    expect(out[0]![0]).toBeCloseTo(-1, 4);
    expect(out[1]![1]).toBeCloseTo(1, 4);
    expect(norm.runningMean!.toArray()).toEqual([expect.closeTo(0.2, 5), expect.closeTo(2, 5)]);
    expect(norm.numBatchesTracked!.item()).toBe(1);
    norm.eval();
    expect((norm(x).toArray() as number[][])[0]![0]).toBeCloseTo((1 - 0.2) / Math.sqrt(0.9 + 0.1 * 2 + 1e-5), 4);
    expect(norm.numBatchesTracked!.item()).toBe(1);
  });

  it("with momentum null averages over all batches", () => {
    const norm = new nn.BatchNorm1d(1, { momentum: null });
    for (const value of [1, 2, 6]) norm(tensor([[value - 1], [value + 1]]).to("float32"));
    expect(norm.runningMean!.item()).toBeCloseTo(3, 5);
  });

  it("refuses one value per channel", () => {
    expect(() => new nn.BatchNorm1d(2)(zeros(1, 2))).toThrow(/more than 1 value per channel/);
  });
});

describe("recurrent layers", () => {
  it("agree with their cells, step by step", () => {
    for (const [layer, cell] of [
      [new nn.RNN(3, 4), new nn.RNNCell(3, 4)],
      [new nn.GRU(3, 4), new nn.GRUCell(3, 4)],
    ] as const) {
      for (const name of ["weightIh", "weightHh", "biasIh", "biasHh"] as const) {
        cell
          .stateDict()
          [name.replace(/[A-Z]/, (c) => `_${c.toLowerCase()}`)]!.copy_(
            (layer as unknown as Record<string, Tensor>)[`${name}L0`]!.detach(),
          );
      }
      const x = randn(5, 2, 3);
      const [outputs, last] = layer(x);
      let hidden: Tensor | null = null;
      for (let t = 0; t < 5; t++) {
        hidden = cell(x.select(0, t), hidden) as Tensor;
        expect(outputs.select(0, t).sub(hidden).abs().amax().item()).toBeLessThan(1e-6);
      }
      expect(last.shape).toEqual([1, 2, 4]);
    }
  });

  it("run batches first, both ways, in layers", () => {
    const lstm = new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, batchFirst: true, projSize: 2 });
    const [output, [hidden, cell]] = lstm(randn(5, 7, 3));
    expect([output.shape, hidden.shape, cell.shape]).toEqual([
      [5, 7, 4],
      [4, 5, 2],
      [4, 5, 4],
    ]);
  });
});

describe("attention", () => {
  it("looks nowhere a mask forbids", () => {
    const attention = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const x = randn(1, 3, 4);
    const mask = arange(3).view(1, 3).gt(arange(3).view(3, 1));
    const [, weights] = attention(x, x, x, { attnMask: mask });
    const rows = weights!.toArray() as number[][][];
    expect(rows[0]![0]).toEqual([expect.closeTo(1, 6), 0, 0]);
    expect(rows[0]![1]![2]).toBe(0);
    expect(rows[0]![2]!.reduce((sum, share) => sum + share)).toBeCloseTo(1, 5);
  });

  it("a causal transformer's past does not depend on its future", () => {
    const layer = new nn.TransformerEncoderLayer({
      dModel: 8,
      nhead: 2,
      dimFeedforward: 16,
      dropout: 0,
      batchFirst: true,
    });
    const encoder = new nn.TransformerEncoder(layer, 2);
    const mask = nn.Transformer.generateSquareSubsequentMask(4);
    const x = randn(1, 4, 8);
    const changed = x.clone();
    changed.set_(0, 3, 5);
    const [a, b] = [encoder(x, { mask }), encoder(changed, { mask })];
    expect(
      a
        .narrow(1, 0, 3)
        .sub(b.narrow(1, 0, 3))
        .abs()
        .amax()
        .item(),
    ).toBe(0);
    expect(a.select(1, 3).sub(b.select(1, 3)).abs().amax().item()).toBeGreaterThan(1e-3);
  });

  it("copies a layer as it is now, whatever it was made with", () => {
    const layer = new nn.TransformerDecoderLayer(4, 1, { dimFeedforward: 4 }).double().eval();
    const { layers } = new nn.TransformerDecoder(layer, 1);
    const [copy] = layers;
    expect([copy!.training, copy!.parameters()[0]!.dtype]).toEqual([false, "float64"]);
    expect(Object.keys(copy!.stateDict())).toEqual(Object.keys(layer.stateDict()));
  });

  it("stacks copies of a layer that start alike and are apart", () => {
    const layer = new nn.TransformerEncoderLayer(4, 1, { dimFeedforward: 4 });
    const { layers } = new nn.TransformerEncoder(layer, 2);
    expect(layers[1]!.stateDict()["linear1.weight"]!.toArray()).toEqual(layer.linear1.weight.toArray());
    expect(new Set([layer, ...layers].map((one) => (one as nn.TransformerEncoderLayer).linear1.weight)).size).toBe(3);
  });
});

describe("lazy layers", () => {
  it("become what they stand for at the first input", () => {
    const net = new nn.Sequential(
      new nn.LazyConv2d(4, 3),
      new nn.LazyBatchNorm2d(),
      new nn.Flatten(),
      new nn.LazyLinear(2),
    );
    expect(String(net[0])).toBe("LazyConv2d(0, 4, kernel_size=(3, 3), stride=(1, 1))");
    const before = net.parameters();
    expect(net(rand(2, 3, 5, 5)).shape).toEqual([2, 2]);
    expect(net.parameters().every((parameter, i) => parameter === before[i])).toBe(true);
    expect(net.children().map(String)).toEqual([
      "Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))",
      "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
      "Flatten(start_dim=1, end_dim=-1)",
      "Linear(in_features=36, out_features=2, bias=True)",
    ]);
    expect(net[0]).toBeInstanceOf(nn.Conv2d);
    expect(net[0]).not.toBeInstanceOf(nn.LazyConv2d);
  });

  it("take what their layers take but the size, and have PyTorch's defaults", () => {
    expect(String(new nn.LazyConvTranspose1d(2, 3, { stride: 2, groups: 2 }))).toBe(
      "LazyConvTranspose1d(0, 2, kernel_size=(3,), stride=(2,), groups=2)",
    );
    expect(new nn.LazyInstanceNorm2d().affine).toBe(true);
    expect(() => new nn.LazyConv2d({ inChannels: 1 } as never)).toThrow(/LazyConv2d: unknown option "inChannels"/);
    // @ts-expect-error the size is what is learnt
    expect(() => new nn.LazyLinear({ inFeatures: 1, outFeatures: 2 })).toThrow(/unknown option "inFeatures"/);
  });

  it("take their sizes from a state, or stay as they are where it does not fit", () => {
    const make = (lazy: boolean): nn.Sequential =>
      new nn.Sequential(
        lazy ? new nn.LazyConv2d(4, 3, { groups: 2 }) : new nn.Conv2d(6, 4, 3, { groups: 2 }),
        lazy ? new nn.LazyBatchNorm2d() : new nn.BatchNorm2d(4),
        lazy ? new nn.LazyConvTranspose2d(2, 3, { bias: false }) : new nn.ConvTranspose2d(4, 2, 3, { bias: false }),
        new nn.Flatten(),
        lazy ? new nn.LazyLinear(2) : new nn.Linear(50, 2),
      );
    const [known, net] = [make(false), make(true)];
    const { "4.weight": last, ...others } = known.stateDict();
    const before = net.parameters();
    expect(() => net.loadStateDict({ ...others, "4.weight": last!.view(50, 2) })).toThrow("4.weight has shape");
    expect(net.parameters().map(({ shape }) => shape)).toContainEqual([2, 0]);
    expect(net.loadStateDict(known.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(net.parameters().every((parameter, i) => parameter === before[i])).toBe(true);
    expect(net.children().map(String)).toEqual(known.children().map(String));
    const x = rand(2, 6, 5, 5);
    expect(net(x).toArray()).toEqual(known(x).toArray());
  });

  it("learn the sizes that a state does not tell", () => {
    const net = new nn.Sequential(new nn.LazyLinear(3), new nn.LazyLinear(2));
    const state = { "0.weight": ones(3, 4), "0.bias": ones(3) };
    expect(net.loadStateDict(state, { strict: false }).missingKeys).toEqual(["1.weight", "1.bias"]);
    expect(net.children().map((child) => child.constructor.name)).toEqual(["Linear", "LazyLinear"]);
    expect(net(ones(1, 4)).shape).toEqual([1, 2]);
  });

  it("may be subclassed, and keep optimizers' parameters", () => {
    class Mine extends nn.LazyLinear {}
    const mine = new Mine(3);
    const { weight } = mine;
    expect(mine(ones(1, 5)).shape).toEqual([1, 3]);
    expect(mine.weight).toBe(weight);
    expect(weight.shape).toEqual([3, 5]);
  });
});

describe("adaptive softmax", () => {
  it("gives the same as its full table of probabilities", () => {
    const adaptive = new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 6]);
    const [x, target] = [randn(6, 8), tensor([0, 11, 4, 2, 7, 5])];
    const { output, loss } = adaptive(x, target);
    const all = adaptive.logProb(x);
    expect(all.exp().sum(1).sub(1).abs().amax().item()).toBeLessThan(1e-5);
    expect(
      output
        .sub(all.gather(1, target.unsqueeze(1)).squeeze(1))
        .abs()
        .amax()
        .item(),
    ).toBeLessThan(1e-5);
    expect(loss.item()).toBeCloseTo(-output.mean().item(), 5);
    expect(() => adaptive(x, target.add(1))).toThrow(/targets must lie in \[0, 11\]/);
  });
});

describe("embeddings", () => {
  it("give the padding row no gradient", () => {
    const table = new nn.Embedding(3, 2, { paddingIdx: 0 });
    expect(table.weight.select(0, 0).toArray()).toEqual([0, 0]);
    table(tensor([0, 2, 2]))
      .sum()
      .backward();
    expect(table.weight.grad!.toArray()).toEqual([
      [0, 0],
      [0, 0],
      [2, 2],
    ]);
  });

  it("from a given table are frozen unless asked", () => {
    const values = rand(4, 3);
    expect(nn.Embedding.fromPretrained(values).weight.requiresGrad).toBe(false);
    expect(nn.Embedding.fromPretrained(values, { freeze: false }).weight.requiresGrad).toBe(true);
  });

  it("shorten long rows in use only", () => {
    const table = new nn.Embedding(2, 2, { maxNorm: 1 });
    table.loadStateDict({
      weight: tensor([
        [3, 4],
        [6, 8],
      ]).to("float32"),
    });
    table(tensor([0]));
    expect(table.weight.toArray()).toEqual([
      [expect.closeTo(0.6, 5), expect.closeTo(0.8, 5)],
      [6, 8],
    ]);
  });
});
