import "@dl/backend-cpu";
import { ones, type Tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import {
  Linear,
  Module,
  ModuleDict,
  ModuleList,
  Parameter,
  ParameterDict,
  ParameterList,
  ReLU,
  Sequential,
  Tanh,
} from "../src/index.ts";

describe("Sequential", () => {
  it("runs its modules in order, and is read by position", () => {
    const net = new Sequential(new Linear(2, 3), new Tanh(), new Linear(3, 1));
    expect(net(zeros(4, 2)).shape).toEqual([4, 1]);
    expect(net[1]).toBeInstanceOf(Tanh);
    expect(net.at(-1)).toBe(net[2]);
    expect(net.size).toBe(3);
    expect([...net]).toEqual(net.children());
    expect(() => net.at(3)).toThrow("Sequential: no item 3: it holds 3");
  });

  it("takes names", () => {
    const net = new Sequential({ hidden: new Linear(2, 3), act: new ReLU() });
    expect(Object.keys(net.stateDict())).toEqual(["hidden.weight", "hidden.bias"]);
    expect(String(net)).toBe(
      "Sequential(\n  (hidden): Linear(in_features=2, out_features=3, bias=True)\n  (act): ReLU()\n)",
    );
    expect(net[0]).toBeInstanceOf(Linear);
    expect(net.slice(1).keys()).toEqual(["act"]);
  });

  it("grows and renumbers", () => {
    const net = new Sequential(new Tanh()).append(new ReLU()).insert(0, new Linear(1, 1));
    expect(net.entries().map(([name, module]) => [name, module.getName()])).toEqual([
      ["0", "Linear"],
      ["1", "Tanh"],
      ["2", "ReLU"],
    ]);
  });

  it("is changed at a position, and shortened", () => {
    const net = new Sequential(new Linear(2, 3), new Tanh(), new Linear(3, 1));
    net[1] = new ReLU();
    expect(net.children().map((module) => module.getName())).toEqual(["Linear", "ReLU", "Linear"]);
    expect(() => (net[0] = ((x: Tensor) => x) as never)).toThrow(/item 0 is no module/);
    expect([net.pop(0).getName(), net.pop().getName(), net.length]).toEqual(["Linear", "Linear", 1]);
    expect([net.keys(), net[1]]).toEqual([["0"], undefined]);
    expect(() => net.pop(4)).toThrow("no item 4: it holds 1");
  });

  it("hands its input through when empty, and says what is no module", () => {
    const x = ones(1);
    expect(new Sequential()(x)).toBe(x);
    expect(() => new Sequential(((x: Tensor) => x) as never)).toThrow(/item 0 is no module/);
    expect(() => new Sequential({ "a.b": new Tanh() })).toThrow(/"a.b" cannot be a name/);
  });

  it("keeps the user's names as they are", () => {
    expect(new Sequential({ firstLayer: new Linear(1, 1, { bias: false }) }).namedParameters()[0]![0]).toBe(
      "firstLayer.weight",
    );
  });
});

describe("lists and dictionaries", () => {
  class Net extends Module {
    layers = new ModuleList([new Linear(2, 2), new Linear(2, 2)]);
    heads = new ModuleDict({ a: new Linear(2, 1), b: new Linear(2, 3) });
    scales = new ParameterList([ones(1), new Parameter(ones(2))]);
    shifts = new ParameterDict({ left: zeros(1) });

    forward(x: Tensor, head: string): Tensor {
      let y = x;
      for (const layer of this.layers) y = layer(y);
      return this.heads.get(head)(y);
    }
  }

  it("are seen from outside", () => {
    const net = new Net();
    expect(net(ones(1, 2), "b").shape).toEqual([1, 3]);
    expect(Object.keys(net.stateDict())).toEqual([
      "layers.0.weight",
      "layers.0.bias",
      "layers.1.weight",
      "layers.1.bias",
      "heads.a.weight",
      "heads.a.bias",
      "heads.b.weight",
      "heads.b.bias",
      "scales.0",
      "scales.1",
      "shifts.left",
    ]);
  });

  it("change", () => {
    const dict = new ModuleDict({ a: new Tanh() });
    dict.set("b", new ReLU()).delete("a");
    expect([dict.keys(), dict.has("a"), dict[0]]).toEqual([["b"], false, dict.get("b")]);
    expect(dict[1]).toBeUndefined();
    expect(() => dict.get("c")).toThrow('ModuleDict: no item "c"; there are b');
  });

  it("lists have a length, and become longer", () => {
    const list = new ParameterList();
    expect(list.length).toBe(0);
    list
      .append(ones(1))
      .extend([ones(2), ones(3)])
      .insert(0, zeros(4));
    expect(list.length).toBe(4);
    expect(list.namedParameters().map(([name, { shape }]) => [name, shape])).toEqual([
      ["0", [4]],
      ["1", [1]],
      ["2", [2]],
      ["3", [3]],
    ]);
  });

  it("compute nothing themselves", () => {
    expect(() => (new ModuleList() as unknown as () => void)()).toThrow(/a list computes nothing/);
    expect(() => (new ModuleDict() as unknown as () => void)()).toThrow(/a dictionary computes nothing/);
  });

  it("print as PyTorch prints them", () => {
    expect(String(new ParameterList([zeros(2, 3), zeros(4)]))).toBe(
      "ParameterList(\n    (0): Parameter containing: [float32 of size 2x3]\n    (1): Parameter containing: [float32 of size 4]\n)",
    );
    expect(String(new ParameterList([zeros(2)]))).toBe(
      "ParameterList(  (0): Parameter containing: [float32 of size 2])",
    );
    expect(String(new ParameterDict({ a: zeros(2, 3), b: zeros(4, { dtype: "float64" }) }))).toBe(
      "ParameterDict(\n    (a): Parameter containing: [FloatTensor of size 2x3]\n    (b): Parameter containing: [DoubleTensor of size 4]\n)",
    );
    expect(String(new ParameterDict())).toBe("ParameterDict()");
    expect(String(new ModuleList())).toBe("ModuleList()");
  });
});
