/** What is passed by position in Python may be passed by name, and the other way round. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { ones, rand, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

const same = (a: Tensor, b: Tensor): void => expect(a.toArray()).toEqual(b.toArray());

describe("what a module is called with", () => {
  it("takes states of recurrent layers by name", () => {
    const [x, hidden, cell] = [rand(5, 2, 3), rand(1, 2, 4), rand(1, 2, 4)];
    const gru = new nn.GRU(3, 4);
    same(gru(x, { hx: hidden })[0], gru(x, hidden)[0]);
    const lstm = new nn.LSTM(3, 4);
    same(lstm({ input: x, hx: [hidden, cell] })[0], lstm(x, [hidden, cell])[0]);
    const step = new nn.RNNCell(3, 4);
    same(step(x.at(0), { hx: hidden.at(0) }), step(x.at(0), hidden.at(0)));
  });

  it("takes sizes and offsets by name", () => {
    const x = rand(1, 2, 4, 4);
    const up = new nn.ConvTranspose2d(2, 3, 3, { stride: 2 });
    expect(up(x, { outputSize: [10, 10] }).shape).toEqual([1, 3, 10, 10]);
    const [values, indices] = new nn.MaxPool2d(2, { returnIndices: true })(rand(1, 2, 5, 5)) as unknown as [
      Tensor,
      Tensor,
    ];
    expect(new nn.MaxUnpool2d(2)(values, indices, { outputSize: [5, 5] }).shape).toEqual([1, 2, 5, 5]);
    const bag = new nn.EmbeddingBag(10, 3, { mode: "sum" });
    const rows = tensor([1, 2, 4, 5]);
    same(bag(rows, { offsets: tensor([0, 3]) }), bag(rows, tensor([0, 3])));
  });

  it("refuses what it does not know", () => {
    const call = { initial: rand(1, 2, 4) } as never;
    expect(() => new nn.GRU(3, 4)(rand(5, 2, 3), call)).toThrow('GRU: unknown option "initial". It takes input, hx');
  });
});

describe("what a module is asked", () => {
  class Net extends nn.Module {
    inner = new nn.Linear(2, 2);
    scale = new nn.Parameter(ones(2));
    constructor() {
      super();
      this.registerBuffer("seen", zeros(1), false);
      this.registerBuffer("mean", zeros(1), { persistent: true });
    }
    forward(x: Tensor): Tensor {
      return this.inner(x).mul(this.scale);
    }
  }

  it("takes recurse, prefix and persistent either way", () => {
    const net = new Net();
    expect(net.parameters({ recurse: false }).map((one) => one === net.scale)).toEqual([true]);
    expect(net.namedParameters({ prefix: "net", recurse: false }).map(([name]) => name)).toEqual(["net.scale"]);
    expect(net.namedModules({ prefix: "net" }).map(([name]) => name)).toEqual(["net", "net.inner"]);
    expect(net.buffers(false)).toHaveLength(2);
    const keys = ["net.scale", "net.inner.weight", "net.inner.bias", "net.mean"].sort();
    expect(Object.keys(net.stateDict({ prefix: "net." })).sort()).toEqual(keys);
  });

  it("fills gradients with zeros where they are to stay", () => {
    const net = new Net();
    for (const kept of [false, { setToNone: false }] as const) {
      net(rand(3, 2)).sum().backward();
      net.zeroGrad(kept);
      expect(net.scale.grad?.toArray()).toEqual([0, 0]);
    }
    net.zeroGrad();
    expect(net.scale.grad).toBeNull();
    expect(() => net.zeroGrad({ set_to_none: true } as never)).toThrow('zeroGrad: unknown option "set_to_none"');
  });
});

describe("a layer made without what it needs", () => {
  it.each([
    ["Linear: outFeatures is undefined", () => new nn.Linear(3, undefined as never)],
    ["Conv2d: kernelSize is undefined", () => new nn.Conv2d(3, 4, undefined as never)],
    ["Embedding: embeddingDim is undefined", () => new nn.Embedding(10, undefined as never)],
    ["LSTM: hiddenSize is undefined", () => new nn.LSTM(5, undefined as never)],
    ["BatchNorm2d: numFeatures is undefined", () => new nn.BatchNorm2d(undefined as never)],
  ])("says so: %s", (message, make) => expect(make).toThrow(message));
});

describe("what is no state, no tensor or no module", () => {
  const x = rand(5, 2, 3);
  const state = rand(1, 2, 4);

  it("is refused by recurrent layers", () => {
    expect(() => new nn.LSTM(3, 4)(x, state as never)).toThrow("LSTM: hx must be a list of 2 tensors");
    expect(() => new nn.LSTMCell(3, 4)(x.at(0), state.at(0) as never)).toThrow("LSTMCell: hx must be a list of 2");
    expect(() => new nn.GRU(3, 4)(x, [state, state] as never)).toThrow("GRU: hx must be a tensor");
  });

  it("is named elsewhere", () => {
    expect(() => nn.utils.clipGradNorm_(new nn.Linear(2, 2) as never, 1)).toThrow("Pass model.parameters()");
    class Empty extends nn.Module {
      declare forward: never;
    }
    const call = new Empty() as unknown as (x: Tensor) => Tensor;
    expect(() => call(x)).toThrow("Empty: has no forward");
    expect(() => x.to({ memoryFormat: "channels_last" } as never)).toThrow('to: unknown option "memoryFormat"');
  });
});
