import "@dl/autograd";
import "@dl/backend-cpu";
import { arange, linalg, manualSeed, noGrad, ones, rand, scope, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

const { removeSpectralNorm, removeWeightNorm, spectralNorm, weightNorm } = nn.utils;

function filled<M extends nn.Module>(module: M): M {
  noGrad(() => {
    for (const x of module.parameters()) x.copy_(arange(x.numel()).float().mul(0.25).sub(1).view(x.shape));
  });
  return module;
}

const near = (values: number[]): unknown => values.map((x) => expect.closeTo(x, 4));
const names = (module: nn.Module): string[] => module.namedParameters().map(([name]) => name);
const gradients = (module: nn.Module): unknown[] =>
  module.parameters().map(({ grad }) => (grad!.ndim === 0 ? [grad!.item()] : grad!.flatten().tolist()));
const x = tensor([[1, -2, 0.5]]);

describe("weightNorm", () => {
  it.each<[number | null, number[], number[], number[]]>([
    [0, [1.3462912, 0.3535534], [-0.1856953, Math.SQRT1_2], [-2.275862, 3.7931035, -1.137931, -3, 8, -3]],
    [1, [1.0307764, 0.75, 0.559017], [1.4552138, -2, 0], [0.8235295, 0, -1, -3.2941177, 8, -2]],
    [null, [1.391941], [0], [-2, 4, -1, -4, 8, -2]],
  ])("along %s has PyTorch's lengths, gradients and names", (dim, lengths, gradOfG, gradOfV) => {
    const layer = weightNorm(filled(new nn.Linear(3, 2)), { dim });
    expect(names(layer)).toEqual(["bias", "weight_g", "weight_v"]);
    const g = layer.getParameter("weight_g");
    expect([g.flatten().tolist()].flat()).toEqual(near(lengths));
    noGrad(() => g.mul_(2));
    const y = layer(x);
    expect(y.flatten().tolist()).toEqual(near([-0.5, -1]));
    y.square().sum().backward();
    expect(gradients(layer)).toEqual([near([-1, -2]), near(gradOfG), near(gradOfV)]);
    removeWeightNorm(layer);
    expect(names(layer)).toEqual(["bias", "weight"]);
    expect(layer.weight.flatten().tolist()).toEqual(near([-2, -1.5, -1, -0.5, 0, 0.5]));
    expect(layer(x).flatten().tolist()).toEqual(near([-0.5, -1]));
  });

  it("keeps the shape of lengths, takes other parameters, and names as in state dicts", () => {
    expect(weightNorm(new nn.Conv2d(2, 2, 2)).getParameter("weight_g").shape).toEqual([2, 1, 1, 1]);
    expect(
      weightNorm(filled(new nn.Linear(3, 2)), "bias")
        .getParameter("bias_g")
        .tolist(),
    ).toEqual([1, 0.75]);
    const lstm = weightNorm(new nn.LSTM(2, 2), "weight_hh_l0");
    expect(names(lstm)).toEqual(["weight_ih_l0", "bias_ih_l0", "bias_hh_l0", "weight_hh_l0_g", "weight_hh_l0_v"]);
    expect(lstm(rand(1, 1, 2))[0].shape).toEqual([1, 1, 2]);
    expect(() => weightNorm(lstm, "weightHhL0")).toThrow("weightNorm: weightHhL0 has one already");
    expect(names(removeWeightNorm(lstm, "weight_hh_l0"))).toContain("weight_hh_l0");
  });

  it("is saved and loaded, also from PyTorch", () => {
    const [from, into] = [weightNorm(new nn.Linear(3, 2)), weightNorm(new nn.Linear(3, 2))];
    into.loadStateDict(from.stateDict());
    expect(into(x).tolist()).toEqual(from(x).tolist());
  });

  it("learns in scopes, where what was computed is freed", () => {
    const layer = weightNorm(filled(new nn.Linear(3, 2)));
    for (let i = 0; i < 2; i++) scope(() => layer(x).sum().backward());
    expect(layer.getParameter("weight_v").grad).not.toBe(null);
    expect(nn.deepcopy(layer)(x).tolist()).toEqual(layer(x).tolist());
  });

  it("is copied, and works with other weights", () => {
    const layer = weightNorm(filled(new nn.Linear(3, 2)));
    layer(x);
    const copy = nn.deepcopy(layer);
    noGrad(() => copy.getParameter("weight_g").zero_());
    expect([copy(x).tolist(), names(removeWeightNorm(copy))]).toEqual([[[-1, -0.75]], ["bias", "weight"]]);
    expect(names(layer)).toEqual(["bias", "weight_g", "weight_v"]);
    const y = nn.functionalCall(layer, { weight_g: ones(2, 1, { requiresGrad: true }).mul(0) }, x);
    expect([y.tolist(), y.requiresGrad]).toEqual([[[-1, -0.75]], true]);
  });

  it.each<[string, () => unknown, string]>([
    [
      "a name of nothing",
      () => weightNorm(new nn.Linear(1, 1), "wait"),
      "weightNorm: Linear has no parameter wait; there are weight, bias",
    ],
    [
      "a dim too many",
      () => weightNorm(new nn.Linear(1, 1), { dim: 2 }),
      "weight has 2 dimensions, got dim 2. null takes",
    ],
    [
      "a lazy layer",
      () => weightNorm(new nn.LazyLinear(1)),
      "the size of LazyLinear is not known yet. Call it once before",
    ],
    [
      "to end what is not",
      () => removeWeightNorm(new nn.Linear(1, 1)),
      "removeWeightNorm: weightNorm was not applied to weight of",
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});

describe("spectralNorm", () => {
  const started = (): nn.Linear => {
    const layer = spectralNorm(filled(new nn.Linear(3, 2)), { nPowerIterations: 2 });
    noGrad(() => {
      layer.getBuffer("weight_u").copy_(tensor([0.6, 0.8]));
      layer.getBuffer("weight_v").copy_(tensor([1, 0, 0]).float());
    });
    return layer;
  };
  const weight = near([-0.7410188, -0.5557641, -0.3705094, -0.1852547, 0, 0.1852547]);

  it("divides by the largest singular value, as PyTorch finds it", () => {
    const layer = started();
    expect([names(layer), Object.keys(layer.stateDict())]).toEqual([
      ["bias", "weight_orig"],
      ["bias", "weight_orig", "weight_u", "weight_v"],
    ]);
    const y = layer(x);
    expect(y.flatten().tolist()).toEqual(near([-0.8147453, -0.8426273]));
    expect(layer.getBuffer("weight_u").tolist()).toEqual(near([0.996946, 0.0780935]));
    expect(layer.getBuffer("weight_v").tolist()).toEqual(near([-0.7618781, -0.5511047, -0.3403313]));
    y.square().sum().backward();
    expect(gradients(layer)).toEqual([
      near([-1.6294906, -1.6852547]),
      near([-1.2895286, 2.3556185, -0.6403913, -1.2552321, 2.4929616, -0.6272735]),
    ]);
  });

  it("looks for it in training mode alone, and can be ended", () => {
    const layer = started();
    layer(x);
    layer.eval();
    const before = layer.getBuffer("weight_u").clone();
    expect(layer(x).flatten().tolist()).toEqual(near([-0.8147453, -0.8426273]));
    removeSpectralNorm(layer.train());
    expect([layer.weight.flatten().tolist(), layer.training, names(layer)]).toEqual([weight, true, ["bias", "weight"]]);
    expect(before.tolist()).toEqual(near([0.996946, 0.0780935]));
    expect(Object.keys(layer.stateDict())).toEqual(["bias", "weight"]);
  });

  it("passes backward through two calls before", () => {
    const layer = started();
    layer(x).sub(layer(x.neg())).sum().backward();
    expect(layer.getParameter("weight_orig").grad!.shape).toEqual([2, 3]);
  });

  it("bounds what a layer does, whatever its dimensions", () => {
    manualSeed(3);
    const layers: [nn.Module, number[], number[]][] = [
      [new nn.Conv2d(3, 4, 2), [4], [12]],
      [new nn.ConvTranspose2d(3, 2, 2), [2], [12]],
    ];
    for (const [layer, u, v] of layers) {
      spectralNorm(layer, "weight", 30);
      layer(rand(1, 3, 4, 4));
      expect([layer.getBuffer("weight_u").shape, layer.getBuffer("weight_v").shape]).toEqual([u, v]);
      const { weight } = layer as unknown as { weight: Tensor };
      const matrix = (u[0] === 2 ? weight.transpose(0, 1) : weight).flatten(1).detach();
      expect(linalg.svdvals(matrix).max().item()).toBeCloseTo(1, 2);
    }
  });

  it.each<[string, () => unknown, string]>([
    [
      "no iterations",
      () => spectralNorm(new nn.Linear(1, 1), "weight", 0),
      "nPowerIterations must be a whole number above 0, got 0",
    ],
    ["a second one", () => spectralNorm(spectralNorm(new nn.Linear(1, 1))), "spectralNorm: weight has one already"],
    [
      "no bias",
      () => spectralNorm(new nn.Linear(1, 1, { bias: false }), "bias"),
      "Linear has no parameter bias; there are weight",
    ],
    [
      "to end what is not",
      () => removeSpectralNorm(weightNorm(new nn.Linear(1, 1))),
      "spectralNorm was not applied to weight",
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
