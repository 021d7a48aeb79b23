import "@dl/autograd";
import "@dl/backend-cpu";
import { grad, jacobian } from "@dl/autograd";
import { arange, full, noGrad, ones, rand, scope, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

const { functionalCall } = nn;

function net(): nn.Sequential {
  const made = new nn.Sequential(new nn.Linear(2, 3), new nn.Tanh(), new nn.Linear(3, 1));
  noGrad(() => {
    for (const x of made.parameters()) x.copy_(arange(x.numel()).float().mul(0.1).add(0.2).view(x.shape));
  });
  return made;
}

const near = (values: number[]): unknown => values.map((x) => expect.closeTo(x, 4));
const x = tensor([
  [1, -2],
  [0.5, 3],
]);

describe("functionalCall", () => {
  it("computes with what is given, and differentiates by it: a step of MAML", () => {
    const model = net();
    const named = model.namedParameters();
    const slopes = grad(model(x).square().mean(), model.parameters(), { createGraph: true });
    const fast = Object.fromEntries(named.map(([name, weight], i) => [name, weight.sub(slopes[i]!.mul(0.1))]));
    const out = functionalCall(model, fast, x);
    expect(out.flatten().tolist()).toEqual(near([-0.0745, 0.6711]));
    out.sum().backward();
    const gradients = named.map(([, weight]) => weight.grad!.flatten().tolist());
    expect(gradients).toEqual([
      near([0.0649166, -0.1580791, 0.1238453, -0.2529814, 0.1817332, -0.3638612]),
      near([0.0613859, 0.123184, 0.1816839]),
      near([0.3846568, 0.4045575, 0.3509037]),
      near([1.3875529]),
    ]);
  });

  it("leaves the module its own, after an error too", () => {
    const model = net();
    const [before, own] = [model(x).tolist(), model.parameters()];
    functionalCall(model, { "0.weight": zeros(3, 2) }, x);
    expect(() => functionalCall(model, { "0.weight": zeros(3, 5) }, x)).toThrow(/needs 5 input features/);
    expect(model.parameters().every((weight, i) => weight === own[i])).toBe(true);
    expect(model(x).tolist()).toEqual(before);
  });

  it("has derivatives by single parameters", () => {
    const layer = new nn.Linear(2, 1);
    const slope = jacobian((weight) => functionalCall(layer, { weight }, [x]), layer.weight.detach());
    expect((slope as Tensor).flatten().tolist()).toEqual(x.flatten().tolist());
    expect(layer.weight.grad).toBe(null);
  });

  it("takes parameters and buffers in two objects, and changes only buffers that are given", () => {
    const norm = new nn.BatchNorm1d(2);
    const [parameters, buffers] = [
      { weight: full([2], 2, { dtype: "float32" }) },
      { running_mean: zeros(2), running_var: ones(2) },
    ];
    const y = functionalCall(norm, [parameters, buffers], x);
    expect(y.detach().abs().flatten().tolist()).toEqual([2, 2, 2, 2].map((x) => expect.closeTo(x, 3)));
    expect(buffers.running_mean.tolist()).toEqual(near([0.075, 0.05]));
    expect(norm.runningMean!.tolist()).toEqual([0, 0]);
  });

  it("finds parameters in lists, in recurrent layers and under camelCase names", () => {
    class Listed extends nn.Module {
      weights = new nn.ParameterList([ones(2)]);
      byName = new nn.ParameterDict({ keys: ones(2) });
      forward(x: Tensor): Tensor {
        return x.mul(this.weights[0]!).add(this.byName.get("keys"));
      }
    }
    const [listed, two] = [new Listed(), full([2], 2, { dtype: "float32", requiresGrad: true })];
    const y = functionalCall(listed, { "weights.0": two, "by_name.keys": two }, ones(2));
    y.sum().backward();
    expect([y.tolist(), two.grad!.tolist(), listed.weights[0]!.grad]).toEqual([[4, 4], [2, 2], null]);
    expect(listed(ones(2)).tolist()).toEqual([2, 2]);
    const lstm = new nn.LSTM(2, 1);
    const zero = Object.fromEntries(lstm.namedParameters().map(([name, weight]) => [name, zeros(weight.shape)]));
    expect(
      functionalCall(lstm, zero, [rand(3, 2)])[0]
        .flatten()
        .tolist(),
    ).toEqual([0, 0, 0]);
  });

  it("lists what stands in among the parameters meanwhile", () => {
    class Decayed extends nn.Module {
      inner = new nn.Linear(1, 1, { bias: false });
      forward(): Tensor {
        return this.parameters()[0]!.square().sum();
      }
    }
    const model = new Decayed();
    expect(functionalCall(model, { "inner.weight": full([1, 1], 3, { dtype: "float32" }) }).item()).toBe(9);
    model.inner.weight = full([1, 1], 3, { dtype: "float32" }) as nn.Parameter;
    expect(() => model.parameters()).toThrow("a plain tensor took the place of the parameter weight");
  });

  it("may be nested, with the same tensor", () => {
    const inner = new nn.Linear(1, 1, { bias: false });
    const weight = full([1, 1], 3, { dtype: "float32" });
    class Outer extends nn.Module {
      inner = inner;
      forward(x: Tensor): Tensor {
        const y = functionalCall(this.inner, { weight }, x);
        return y.add(this.inner(x)).mul(this.parameters().length);
      }
    }
    expect(functionalCall(new Outer(), { "inner.weight": weight }, ones(1)).item()).toBe(6);
    expect(inner.weight).toBeInstanceOf(nn.Parameter);
  });

  it("runs hooks, and lets a scope free what was given", () => {
    const seen: unknown[] = [];
    const layer = new nn.BatchNorm1d(2);
    layer.registerForwardHook((_, [input]) => void seen.push(input.shape));
    const made = scope(() => {
      const running_mean = zeros(2);
      functionalCall(layer, { running_mean }, x);
      return [() => running_mean.isDisposed];
    });
    expect([seen, made[0]!()]).toEqual([[[2, 2]], true]);
  });
});

describe("tied weights", () => {
  class Tied extends nn.Module {
    encoder = new nn.Linear(1, 1, { bias: false });
    decoder = new nn.Linear(1, 1, { bias: false });
    constructor() {
      super();
      this.decoder.weight = this.encoder.weight;
      noGrad(() => this.encoder.weight.fill_(2));
    }
    forward(x: Tensor): Tensor {
      return this.decoder(this.encoder(x));
    }
  }
  const [tied, three, five] = [
    new Tied(),
    full([1, 1], 3, { dtype: "float32" }),
    full([1, 1], 5, { dtype: "float32" }),
  ];

  it.each<[string, nn.StateDict, nn.FunctionalCallOptions, number]>([
    ["are replaced everywhere", { "decoder.weight": three }, {}, 9],
    ["may be given twice", { "encoder.weight": three, "decoder.weight": three }, { strict: true }, 9],
    ["may be untied", { "decoder.weight": three }, { tieWeights: false }, 6],
    ["may become two", { "encoder.weight": three, "decoder.weight": five }, { tieWeights: false }, 15],
  ])("%s", (_, tensors, options, wanted) => {
    expect(functionalCall(tied, tensors, ones(1), options).item()).toBe(wanted);
    expect([tied(ones(1)).item(), tied.decoder.weight === tied.encoder.weight]).toEqual([4, true]);
  });

  it("are refused with two values", () => {
    const two = { "encoder.weight": three, "decoder.weight": five };
    expect(() => functionalCall(tied, two, ones(1))).toThrow(
      "functionalCall: encoder.weight and decoder.weight are one tensor of the module, and got two. Give one of them",
    );
  });
});

it.each<[string, () => unknown, string]>([
  [
    "an unknown name",
    () => functionalCall(net(), { "0.wait": ones(1) }, x),
    'functionalCall: no "0.wait"; there are 0.wei',
  ],
  [
    "a field's own spelling",
    () => functionalCall(new nn.RNN(1, 1), { weightIhL0: ones(1) }, x),
    "there are weight_ih_l0",
  ],
  ["what is no tensor", () => functionalCall(net(), { "0.weight": 3 as never }, x), "0.weight is no tensor"],
  [
    "missing ones, if strict",
    () => functionalCall(new nn.Linear(1, 1), { weight: ones(1, 1) }, ones(1), { strict: true }),
    "functionalCall: missing: bias. Give them, or leave strict out",
  ],
])("%s is refused", (_, call, message) => {
  expect(call).toThrow(message);
});

it("a forward that returns a promise is refused", () => {
  class Later extends nn.Module {
    weight = new nn.Parameter(ones(1));
    async forward(): Promise<Tensor> {
      return this.weight;
    }
  }
  const later = new Later();
  expect(() => functionalCall(later, { weight: zeros(1) })).toThrow("functionalCall: forward returned a promise");
  expect(later.weight.item()).toBe(1);
});
