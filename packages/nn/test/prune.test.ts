import "@dl/autograd";
import "@dl/backend-cpu";
import { arange, floatTensor, manualSeed, noGrad, scope, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

const { prune } = nn.utils;

/** Weights -5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5 and so on. */
function filled<M extends nn.Module>(module: M): M {
  noGrad(() => {
    for (const x of module.parameters()) x.copy_(arange(x.numel()).mul(7).remainder(11).sub(5).float().view(x.shape));
  });
  return module;
}

const layer = (): nn.Linear => filled(new nn.Linear(4, 3));
const maskOf = (module: nn.Module): unknown => module.getBuffer("weight_mask").tolist();
const names = (module: nn.Module): string[] => module.namedParameters().map(([name]) => name);

describe("pruning again and again", () => {
  const model = layer();
  const { weight } = model;

  it("takes what is nearest to zero", () => {
    prune.l1Unstructured(model, "weight", 0.3);
    expect([names(model), Object.keys(model.stateDict())]).toEqual([
      ["bias", "weight_orig"],
      ["bias", "weight_orig", "weight_mask"],
    ]);
    expect(maskOf(model)).toEqual([
      [1, 0, 1, 1],
      [0, 1, 1, 0],
      [1, 1, 0, 1],
    ]);
    expect(model.weight.abs().tolist()).toEqual([
      [5, 0, 2, 5],
      [0, 3, 4, 0],
      [4, 3, 0, 5],
    ]);
  });

  it("counts what is left", () => {
    prune.l1Unstructured(model, "weight", 0.5);
    expect(maskOf(model)).toEqual([
      [1, 0, 0, 1],
      [0, 0, 0, 0],
      [1, 0, 0, 1],
    ]);
    prune.lnStructured(model, "weight", 1, 2, 0);
    expect(maskOf(model)).toEqual([
      [1, 0, 0, 1],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
  });

  it("learns what is left alone", () => {
    model(floatTensor([[1, 2, 3, 4]]))
      .square()
      .sum()
      .backward();
    expect(model.getParameter("weight_orig").grad!.abs().tolist()).toEqual([
      [20, 0, 0, 80],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect([prune.isPruned(new nn.Sequential(model)), prune.isPruned(layer())]).toEqual([true, false]);
  });

  it("lasts in the parameter that it began with", () => {
    const copy = nn.deepcopy(model);
    prune.remove(model, "weight");
    expect([model.weight === weight, names(model), prune.isPruned(model)]).toEqual([true, ["bias", "weight"], false]);
    expect(model.weight.abs().sum(1).tolist()).toEqual([10, 0, 0]);
    expect([prune.isPruned(copy), names(prune.remove(copy, "weight"))]).toEqual([true, ["bias", "weight"]]);
  });
});

it("structured pruning takes slices of any dimension", () => {
  const model = prune.lnStructured(layer(), "weight", 0.5, 1, 1);
  expect(maskOf(model)).toEqual([0, 1, 2].map(() => [1, 0, 0, 1]));
  prune.lnStructured(model, "weight", 0.5, 1, 1);
  expect(maskOf(model)).toEqual([0, 1, 2].map(() => [1, 0, 0, 0]));
  const whole = prune.lnStructured(layer(), "weight", 3, 2, 0);
  expect(() => prune.lnStructured(whole, "weight", 1, 2, 0)).toThrow(
    "lnStructured: amount is 1, but 0 are left to prune",
  );
});

it("masks of one's own add to what is pruned, and scores replace the weights", () => {
  const model = prune.customFromMask(layer(), "bias", tensor([1, 0, 1]));
  prune.customFromMask(model, "bias", tensor([true, true, false]));
  expect([model.getBuffer("bias_mask").tolist(), model.bias!.abs().tolist()]).toEqual([
    [1, 0, 0],
    [5, 0, 0],
  ]);
  const scored = prune.l1Unstructured(layer(), "weight", 5, arange(12).view(3, 4).float());
  expect(maskOf(scored)).toEqual([
    [0, 0, 0, 0],
    [0, 1, 1, 1],
    [1, 1, 1, 1],
  ]);
});

it("global pruning takes the smallest of several parameters", () => {
  const model = new nn.Sequential(layer(), filled(new nn.Linear(3, 2)));
  noGrad(() => model[1]!.getParameter("weight").mul_(2));
  prune.l1Unstructured(model[0]!, "weight", 2);
  const weights = [0, 1].map((i) => [model[i]!, "weight"] as const);
  prune.globalUnstructured(weights, prune.L1Unstructured, { amount: 0.4 });
  expect([0, 1].map((i) => maskOf(model[i]!))).toEqual([
    [
      [1, 0, 0, 1],
      [0, 0, 1, 0],
      [1, 0, 0, 1],
    ],
    [
      [1, 1, 1],
      [1, 0, 1],
    ],
  ]);
});

it("random pruning takes as many as it is told", () => {
  manualSeed(1);
  const sums = (dim: number, model: nn.Module): unknown => model.getBuffer("weight_mask").sum(dim).tolist();
  const model = prune.randomUnstructured(layer(), "weight", 4);
  expect(model.getBuffer("weight_mask").sum().item()).toBe(8);
  expect((sums(1, prune.randomStructured(layer(), "weight", 1, 0)) as number[]).sort()).toEqual([0, 4, 4]);
  expect(sums(1, prune.identity(layer(), "weight"))).toEqual([4, 4, 4]);
  const both = [layer(), layer()];
  prune.globalUnstructured(
    both.map((one) => [one, "weight"] as const),
    prune.RandomUnstructured,
    { amount: 10 },
  );
  expect(both.reduce((sum, one) => sum + (one.getBuffer("weight_mask").sum().item() as number), 0)).toBe(14);
});

it("masks outlive scopes, and states are loaded", () => {
  const model = layer();
  scope(() => void prune.l1Unstructured(model, "weight", 6));
  const other = prune.identity(layer(), "weight");
  other.loadStateDict(model.stateDict());
  expect(maskOf(other)).toEqual(maskOf(model));
});

it("halves are rounded to even numbers, as in Python", () => {
  const left = (amount: number): number =>
    prune
      .l1Unstructured(filled(new nn.Linear(1, 5)), "weight", amount)
      .getBuffer("weight_mask")
      .sum()
      .item() as number;
  expect([left(0.5), left(0.3), left(0), left(1)]).toEqual([3, 3, 5, 4]);
});

it.each<[string, () => unknown, string]>([
  ["more than there is", () => prune.l1Unstructured(layer(), "weight", 13), "amount is 13, but 12 are left to prune"],
  [
    "one and a half",
    () => prune.l1Unstructured(layer(), "weight", 1.5),
    "amount is a share in [0, 1) or a whole number, got 1.5",
  ],
  ["less than nothing", () => prune.randomUnstructured(layer(), "weight", -1), "randomUnstructured: amount is a share"],
  ["slices of a vector", () => prune.lnStructured(layer(), "bias", 1, 2, 0), "needs 2 dimensions or more, got [3]"],
  [
    "a mask of another shape",
    () => prune.customFromMask(layer(), "bias", tensor([1])),
    "scores have shape [1], the parameter [3]",
  ],
  [
    "what is no parameter",
    () => prune.identity(layer(), "wait"),
    "identity: Linear has no parameter wait; there are weight",
  ],
  ["to end what is not", () => prune.remove(layer(), "weight"), "remove: prune was not applied to weight of Linear"],
])("%s is refused, and nothing is changed", (_, call, message) => {
  expect(call).toThrow(message);
});
