import "@dl/autograd";
import "@dl/backend-cpu";
import { noGrad, ones, scope, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

const names = (module: nn.Module): string[] => module.namedParameters().map(([name]) => name);

describe("registering in containers", () => {
  it("makes items", () => {
    const model = new nn.Sequential();
    model.addModule("a", new nn.Linear(4, 2));
    model.addModule("b", new nn.Linear(2, 3));
    expect([model.length, model(ones(1, 4)).shape]).toEqual([2, [1, 3]]);
    const list = new nn.ModuleList();
    list.addModule("0", new nn.Tanh());
    expect(String(list[0])).toBe("Tanh()");
    const parameters = new nn.ParameterList();
    parameters.registerParameter("0", new nn.Parameter(ones(2)));
    expect(parameters[0]!.shape).toEqual([2]);
    const dict = new nn.ModuleDict();
    dict.addModule("a", new nn.Tanh());
    expect(dict.keys()).toEqual(["a"]);
  });

  it("makes fields of what is of another kind", () => {
    const model = new nn.Sequential(new nn.Linear(1, 1, { bias: false }));
    model.registerParameter("scale", new nn.Parameter(ones(1)));
    expect([model.length, names(model)]).toEqual([1, ["scale", "0.weight"]]);
  });

  it("refuses to replace an item that is not there", () => {
    const model = new nn.Sequential(new nn.Tanh());
    model[4] = new nn.Tanh();
    expect(() => model.parameters()).toThrow("Sequential: no item 4 to replace: it holds 1. Add items");
  });
});

describe("registering", () => {
  const model = new nn.Linear(1, 1);
  const plain = ones(1) as nn.Parameter;
  it.each([
    [
      "a plain tensor",
      () => model.registerParameter("w", plain),
      "w is to be a Parameter. Give it a Parameter, or null",
    ],
    ["a tensor as a module", () => model.addModule("a", plain as never), "addModule: a is to be a Module"],
    ["a number as a buffer", () => model.registerBuffer("b", 3 as never), "registerBuffer: b is to be a Tensor"],
    ["a method's name", () => model.addModule("forward", new nn.Tanh()), "there is a forward already"],
    ["a parameter's name", () => model.addModule("weight", new nn.Tanh()), "there is a weight already"],
    ["a path", () => model.addModule("a.b", new nn.Tanh()), '"a.b" cannot be a name: it is empty or holds a dot'],
    ["no name", () => model.registerParameter("", null), '"" cannot be a name'],
  ])("refuses %s", (_, register, message) => {
    expect(register).toThrow(message);
    expect(names(model)).toEqual(["weight", "bias"]);
  });

  it("may be repeated, and fill what is null", () => {
    const layer = new nn.Linear(1, 1, { bias: false });
    layer.registerParameter("bias", new nn.Parameter(ones(1)));
    layer.registerParameter("bias", new nn.Parameter(zeros(1)));
    expect(layer.bias!.item()).toBe(0);
  });
});

describe("fields", () => {
  it("refuse a plain tensor where a parameter was", () => {
    const layer = new nn.Linear(2, 2);
    layer.weight = zeros(2, 2) as nn.Parameter;
    expect(() => layer.parameters()).toThrow("Linear: a plain tensor took the place of the parameter weight. Wrap it");
    layer.weight = new nn.Parameter(ones(2, 2));
    layer.bias = null;
    expect(names(layer)).toEqual(["weight"]);
    noGrad(() => layer.weight.copy_(zeros(2, 2)));
    layer.bias = zeros(2) as nn.Parameter;
    expect(() => layer.stateDict()).toThrow("the parameter bias");
  });

  it("may hold plain tensors otherwise, which are not saved", () => {
    class Masked extends nn.Module {
      mask = ones(2);
      scale = new nn.Parameter(ones(2));
      forward(x: Tensor): Tensor {
        return x.mul(this.mask).mul(this.scale);
      }
    }
    expect(Object.keys(new Masked().stateDict())).toEqual(["scale"]);
  });

  it("are found when they are called name and length and assigned in the constructor", () => {
    class Named extends nn.Module {
      constructor() {
        super();
        Object.assign(this, { length: new nn.Parameter(ones(1)), name: new nn.Linear(1, 1, { bias: false }) });
      }
      forward(): void {}
    }
    expect(names(new Named())).toEqual(["length", "name.weight"]);
    expect(Object.keys(new nn.Tanh())).not.toContain("name");
  });

  it("may not have one name in the state dict", () => {
    class Twins extends nn.Module {
      convA = new nn.Linear(1, 1);
      conv_a = new nn.Linear(1, 1);
      forward(): void {}
    }
    expect(() => new Twins().stateDict()).toThrow("stateDict: two tensors are named conv_a.weight. Fields become");
  });
});

describe("buffers", () => {
  class Average extends nn.Module {
    mean!: Tensor;
    constructor() {
      super();
      this.registerBuffer("mean", zeros(2));
    }
    forward(x: Tensor): Tensor {
      this.mean = this.mean.mul(0.5).add(x);
      return x.sub(this.mean);
    }
  }

  it("outlive the scope in which they were assigned", () => {
    const average = new Average();
    for (let i = 0; i < 3; i++) scope(() => average(ones(2)).sum().item());
    expect(average.stateDict().mean!.toArray()).toEqual([1.75, 1.75]);
    expect(average.buffers()[0]).toBe(average.mean);
  });

  it("take tensors or null", () => {
    const average = new Average();
    expect(() => Object.assign(average, { mean: 3 })).toThrow("Average: mean is to be a Tensor. Give it a Tensor, or");
    average.mean = null as never;
    expect(average.buffers()).toEqual([]);
  });
});

describe("hooks", () => {
  it("change nothing where a pre-hook returns null", () => {
    const identity = new nn.Identity();
    identity.registerForwardPreHook(() => null);
    expect(identity(tensor([2])).item()).toBe(2);
  });

  class Pair extends nn.Module {
    weight = new nn.Parameter(tensor([3]).float());
    forward(a: Tensor, _b: Tensor): [Tensor, Tensor] {
      return [a.mul(this.weight), a.add(this.weight)];
    }
  }

  it("see null for an argument that is not used", () => {
    const seen: unknown[] = [];
    const pair = new Pair();
    const [a, b] = [tensor([2.5], { requiresGrad: true }), tensor([0.5], { requiresGrad: true })];
    pair.registerFullBackwardHook((_, gradInput, gradOutput) => {
      seen.push([...gradInput, ...gradOutput].map((gradient) => gradient?.item() ?? null));
    });
    const [product, sum] = pair(a, b);
    product.add(sum).sum().backward({ retainGraph: true });
    product.sum().backward();
    expect(seen).toEqual([
      [4, null, 1, 1],
      [3, null, 1, null],
    ]);
  });

  it("see null for a result that is not used, where no argument has a gradient", () => {
    const seen: unknown[] = [];
    const pair = new Pair();
    pair.registerFullBackwardHook((_, gradInput, gradOutput) => {
      seen.push([...gradInput, ...gradOutput].map((gradient) => gradient?.item() ?? null));
    });
    for (const at of [0, 1])
      pair(tensor([1.5]), tensor([2]))
        [at]!.sum()
        .backward();
    expect(seen).toEqual([
      [null, null, 1, null],
      [null, null, null, 1],
    ]);
  });
});
