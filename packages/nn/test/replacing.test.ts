import "@dl/autograd";
import "@dl/backend-cpu";
import { memory, noGrad, ones, rand, scope, setDefaultDtype, type Tensor, tensor, zeros } from "@dl/tensor";
import { afterEach, describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

type Fields = Record<string, unknown>;

afterEach(() => setDefaultDtype("float32"));

describe("parts under the names of lists", () => {
  class Net extends nn.Module {
    actFn: nn.Module = new nn.ReLU();
    lastLayer = new nn.Linear(1, 1);
    forward(x: Tensor): Tensor {
      return this.lastLayer(this.actFn(x) as Tensor);
    }
  }

  it("are read and replaced", () => {
    const net = new Net();
    for (const [name, child] of net.namedChildren()) {
      expect((net as unknown as Fields)[name]).toBe(child);
      if (child instanceof nn.ReLU) (net as unknown as Fields)[name] = new nn.Sigmoid();
    }
    expect(net.actFn).toBeInstanceOf(nn.Sigmoid);
    net.addModule("act_fn", new nn.Tanh());
    expect(net.actFn).toBeInstanceOf(nn.Tanh);
    expect(net.namedChildren().map(([name]) => name)).toEqual(["act_fn", "last_layer"]);
    expect(Object.keys(net)).not.toContain("act_fn");
  });

  it("are parameters too", () => {
    const lstm = new nn.LSTM(1, 1);
    for (const [name, { shape }] of lstm.namedParameters()) {
      (lstm as unknown as Fields)[name] = new nn.Parameter(zeros(shape));
    }
    expect(lstm.parameters().length).toBe(4);
    expect(lstm(ones(1, 1, 1))[0].item()).toBe(0);
  });

  it("are counted from the end, and called by name, in containers", () => {
    const net = new nn.Sequential(new nn.Tanh(), new nn.Linear(1, 1));
    net[-1] = new nn.ReLU();
    expect([net[1], net.size, net.parameters().length]).toEqual([net[-1], 2, 0]);
    net.append(new nn.Sigmoid());
    expect([net[-1], net[-3], net[-4]]).toEqual([net[2], net[0], undefined]);
    net.pop(0);
    expect([net[-1], net[-3], net[2]]).toEqual([net[1], undefined, undefined]);
    net[-3] = new nn.Tanh();
    expect(() => net.children()).toThrow("Sequential: no item -3 to replace: it holds 2");

    const named = new nn.Sequential({ body: new nn.Tanh(), head: new nn.Linear(1, 1) });
    (named as unknown as Fields)["head"] = new nn.ReLU();
    expect([named[1], named.keys()]).toEqual([(named as unknown as Fields)["head"], ["body", "head"]]);
    named.insert(0, new nn.ReLU());
    expect([(named as unknown as Fields)["head"], named[0]!.getName()]).toEqual([undefined, "ReLU"]);
    const dict = new nn.ModuleDict({ a: new nn.Tanh(), keys: new nn.Tanh() });
    (dict as unknown as Fields)["a"] = new nn.ReLU();
    expect([dict.get("a").getName(), dict.keys()]).toEqual(["ReLU", ["a", "keys"]]);
    dict.delete("a");
    expect((dict as unknown as Fields)["a"]).toBeUndefined();
  });
});

it("what was deleted may be computed from other parameters", () => {
  const layer = new nn.Linear(2, 1, { bias: false });
  const fields = layer as unknown as Fields;
  const weight = layer.weight;
  delete fields["weight"];
  layer.registerParameter("weightOrig", weight);
  fields["weight"] = weight.mul(2);
  expect(layer.namedParameters().map(([name]) => name)).toEqual(["weight_orig"]);
  layer(ones(1, 2)).sum().backward();
  expect(weight.grad!.toArray()).toEqual([[2, 2]]);
});

it("children train by their own train()", () => {
  class Frozen extends nn.BatchNorm1d {
    override train(): this {
      return super.train(false);
    }
  }
  const net = new nn.Sequential(new Frozen(2), new nn.Dropout()).train();
  expect([net.training, net[0]!.training, net[1]!.training]).toEqual([true, false, true]);
});

it("backward hooks give gradients in lists, or say that they cannot", () => {
  const layer = new nn.Tanh();
  const hook = layer.registerFullBackwardHook((_, [gradInput]) => [gradInput!.mul(3)]);
  const x = zeros(1, { requiresGrad: true });
  layer(x).sum().backward();
  expect(x.grad!.item()).toBe(3);
  hook.remove();
  layer.registerFullBackwardHook((() => 5) as never);
  expect(() => layer(x).sum().backward()).toThrow("registerFullBackwardHook: a hook returned a number");
  const two = new nn.Bilinear(1, 1, 1);
  two.registerFullBackwardHook((_, gradInput) => gradInput);
  expect(() => two(x.view(1, 1), x.view(1, 1)).sum().backward()).toThrow("where 2 arguments have some");
});

it("the default dtype reaches all that layers are made of", () => {
  setDefaultDtype("float64");
  const norm = new nn.BatchNorm1d(2);
  expect([norm.runningMean!.dtype, new nn.PReLU().weight.dtype]).toEqual(["float64", "float64"]);
  expect(norm.eval()(tensor([[1.5, 2]])).dtype).toBe("float64");
  expect(nn.Transformer.generateSquareSubsequentMask(2).dtype).toBe("float64");
});

it("recurrent layers and attention free what they made on the way", () => {
  const [lstm, attention] = [new nn.LSTM(2, 2, { numLayers: 2 }), new nn.MultiheadAttention(2, 1)];
  const x = rand(3, 1, 2);
  const left = (call: () => unknown): number => {
    const before = memory("cpu").buffers;
    return scope(() => {
      noGrad(call);
      return memory("cpu").buffers - before;
    });
  };
  for (let i = 0; i < 2; i++) expect([left(() => lstm(x)), left(() => attention(x, x, x))]).toEqual([3, 3]);
});

it("the activation of a transformer's layer is a field, which copies have too", () => {
  const layer = new nn.TransformerEncoderLayer(2, 1, { dropout: 0 });
  layer.activation = (x) => x.mul(0);
  layer.linear2.bias!.detach().zero_();
  const [copy] = new nn.TransformerEncoder(layer, 1).layers;
  const x = rand(1, 1, 2);
  expect(copy!(x).toArray()).toEqual(layer(x).toArray());
  expect(layer.activation(ones(1)).item()).toBe(0);
});
