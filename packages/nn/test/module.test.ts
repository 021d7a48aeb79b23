import "@dl/autograd";
import "@dl/backend-cpu";
import { inspect } from "node:util";
import { getBackend, ones, scope, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

class Net extends nn.Module {
  layer1 = new nn.Sequential(new nn.Conv2d(1, 4, 5), new nn.ReLU({ inplace: true }), new nn.MaxPool2d(2));
  head = new nn.Linear(576, 10);

  forward(x: Tensor): Tensor {
    const features = this.layer1(x);
    return this.head(features.view(features.shape[0]!, -1));
  }
}

it("has one dtype still where memory runs out during a cast", () => {
  const model = new nn.Linear(3, 2);
  const backend = getBackend("cpu");
  const { run } = backend;
  let calls = 0;
  backend.run = (call) => {
    if (++calls === 2) throw new Error("no memory");
    return run.call(backend, call);
  };
  try {
    expect(() => model.double()).toThrow("no memory");
  } finally {
    backend.run = run;
  }
  expect(model.parameters().map(({ dtype }) => dtype)).toEqual(["float32", "float32"]);
  expect(
    model
      .double()
      .parameters()
      .map(({ dtype }) => dtype),
  ).toEqual(["float64", "float64"]);
});

describe("calling", () => {
  it("runs forward", () => {
    expect(new Net()(zeros(2, 1, 28, 28)).shape).toEqual([2, 10]);
  });

  it("takes several inputs and gives what forward gives", () => {
    class Pair extends nn.Module {
      forward(a: Tensor, b: Tensor): [Tensor, Tensor] {
        return [a.add(b), a.sub(b)];
      }
    }
    const [sum, difference] = new Pair()(tensor([3]), tensor([1]));
    expect([sum.item(), difference.item()]).toEqual([4, 2]);
  });

  it("may have fields named name and length", () => {
    class Named extends nn.Module {
      override name = "critic";
      override length = new nn.Linear(1, 2);
      forward(x: Tensor): Tensor {
        return this.length(x);
      }
    }
    const named = new Named();
    expect(named.name).toBe("critic");
    expect(named.namedParameters().map(([name]) => name)).toEqual(["length.weight", "length.bias"]);
  });

  it("is instance of its classes", () => {
    expect(new Net()).toBeInstanceOf(Net);
    expect(new Net()).toBeInstanceOf(nn.Module);
  });
});

describe("what a module holds", () => {
  it("lists children, modules and parameters in order", () => {
    const net = new Net();
    expect(net.namedChildren().map(([name]) => name)).toEqual(["layer1", "head"]);
    expect(net.namedModules().map(([name]) => name)).toEqual([
      "",
      "layer1",
      "layer1.0",
      "layer1.1",
      "layer1.2",
      "head",
    ]);
    expect(net.namedParameters().map(([name]) => name)).toEqual([
      "layer1.0.weight",
      "layer1.0.bias",
      "head.weight",
      "head.bias",
    ]);
    expect(net.parameters(false)).toEqual([]);
    expect(net.modules()[0]).toBe(net);
  });

  it("lists shared parameters and modules once, but saves them under each name", () => {
    const shared = new nn.Linear(2, 2);
    const twice = new nn.Sequential(shared, shared);
    expect(twice.parameters()).toHaveLength(2);
    expect(twice.children()).toHaveLength(1);
    expect(Object.keys(twice.stateDict())).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
  });

  it("names camelCase fields in snake_case and leaves other spellings", () => {
    class Spelling extends nn.Module {
      selfAttn = new nn.Linear(1, 1, { bias: false });
      fc1_2 = new nn.Linear(1, 1, { bias: false });
      W = new nn.Parameter(zeros(1));
      forward(): void {}
    }
    expect(Object.keys(new Spelling().stateDict())).toEqual(["W", "self_attn.weight", "fc1_2.weight"]);
  });

  it("finds its parts by name, and says which there are", () => {
    const net = new Net();
    expect(net.getSubmodule("layer1.0")).toBe(net.layer1[0]);
    expect(net.getSubmodule("")).toBe(net);
    expect(net.getParameter("head.bias")).toBe(net.head.bias);
    expect(() => net.getParameter("head.wait")).toThrow(
      'getParameter: no "head.wait"; there are layer1.0.weight, layer1.0.bias, head.weight, head.bias',
    );
    const norm = new nn.Sequential(new nn.BatchNorm1d(2));
    expect(norm.getBuffer("0.running_mean").shape).toEqual([2]);
  });

  it("takes parts whose names are made at run time", () => {
    class Dynamic extends nn.Module {
      constructor(names: readonly string[]) {
        super();
        for (const name of names) this.addModule(name, new nn.Linear(1, 1, { bias: false }));
        this.registerParameter("scale", new nn.Parameter(ones(1)));
      }
      forward(): void {}
    }
    expect(Object.keys(new Dynamic(["a", "b"]).stateDict())).toEqual(["scale", "a.weight", "b.weight"]);
  });

  it("finds fields that are assigned later, and forgets those set to null", () => {
    class Late extends nn.Module {
      extra: nn.Linear | null = null;
      forward(): void {}
    }
    const late = new Late();
    expect(late.parameters()).toEqual([]);
    late.extra = new nn.Linear(1, 1);
    expect(late.parameters()).toHaveLength(2);
    late.extra = null;
    expect(late.children()).toEqual([]);
  });
});

describe("buffers", () => {
  class Counter extends nn.Module {
    declare seenCount: Tensor;
    declare scratch: Tensor;
    constructor() {
      super();
      this.registerBuffer("seenCount", zeros(1));
      this.registerBuffer("scratch", zeros(2), { persistent: false });
    }
    forward(): void {}
  }

  it("are listed, and saved when persistent", () => {
    const counter = new Counter();
    expect(counter.namedBuffers().map(([name]) => name)).toEqual(["seen_count", "scratch"]);
    expect(Object.keys(counter.stateDict())).toEqual(["seen_count"]);
    expect(counter.parameters()).toEqual([]);
  });

  it("stay buffers when they get a new value", () => {
    const counter = new Counter();
    counter.seenCount = ones(1);
    expect(counter.stateDict()["seen_count"]!.item()).toBe(1);
  });
});

describe("state dicts", () => {
  it("carry values from one module to another", () => {
    const [from, into] = [new Net(), new Net()];
    expect(into.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    const x = ones(1, 1, 28, 28);
    expect(into(x).toArray()).toEqual(from(x).toArray());
  });

  it("take a prefix as it is", () => {
    expect(Object.keys(new nn.Linear(1, 1).stateDict("encoder."))).toEqual(["encoder.weight", "encoder.bias"]);
  });

  it("share memory with the module", () => {
    const linear = new nn.Linear(1, 1);
    linear.stateDict()["bias"]!.fill_(7);
    expect(linear.bias!.item()).toBe(7);
  });

  it("say everything that does not fit, and change nothing then", () => {
    const linear = new nn.Linear(2, 1);
    const before = linear.weight.toArray();
    const state = { weight: zeros(1, 3), other: zeros(1) };
    expect(() => linear.loadStateDict(state)).toThrow(
      /loadStateDict: the state does not fit Linear:\n {2}missing: bias\n {2}unexpected: other\n {2}weight has shape \[1, 2\], the state gives \[1, 3\]/,
    );
    expect(() => linear.loadStateDict({ weight: zeros(1, 2), other: zeros(1) })).toThrow(/missing: bias/);
    expect(linear.weight.toArray()).toEqual(before);
  });

  it("may be partial unless strict", () => {
    const linear = new nn.Linear(2, 1);
    const report = linear.loadStateDict({ bias: ones(1), more: ones(1) }, { strict: false });
    expect(report).toEqual({ missingKeys: ["weight"], unexpectedKeys: ["more"] });
    expect(linear.bias!.item()).toBe(1);
  });

  it("older states without counts of batches are whole", () => {
    const norm = new nn.BatchNorm1d(2);
    const { num_batches_tracked: _, ...old } = norm.stateDict();
    expect(norm.loadStateDict(old).missingKeys).toEqual([]);
  });

  it("cast to the module's dtype", () => {
    const linear = new nn.Linear(1, 1);
    linear.loadStateDict({ weight: ones(1, 1, { dtype: "float64" }), bias: ones(1, { dtype: "float64" }) });
    expect(linear.weight.dtype).toBe("float32");
    expect(linear.weight.item()).toBe(1);
  });
});

describe("modes and conversions", () => {
  it("train and eval reach every module", () => {
    const net = new Net();
    expect(net.eval()).toBe(net);
    expect(net.modules().every((module) => !module.training)).toBe(true);
    net.train();
    expect(net.layer1.training).toBe(true);
  });

  it("to(dtype) keeps the parameter objects and leaves whole numbers alone", () => {
    class Mixed extends nn.Module {
      weight = new nn.Parameter(ones(2));
      constructor() {
        super();
        this.registerBuffer("steps", zeros(1, { dtype: "int64" }));
      }
      forward(): void {}
    }
    const mixed = new Mixed();
    const { weight } = mixed;
    expect(mixed.double()).toBe(mixed);
    expect(mixed.weight).toBe(weight);
    expect([weight.dtype, mixed.buffers()[0]!.dtype]).toEqual(["float64", "int64"]);
    expect(weight.toArray()).toEqual([1, 1]);
    expect(weight.requiresGrad).toBe(true);
  });

  it("apply visits children first", () => {
    const seen: string[] = [];
    new Net().apply((module) => seen.push(module.getName()));
    expect(seen).toEqual(["Conv2d", "ReLU", "MaxPool2d", "Sequential", "Linear", "Net"]);
  });

  it("requiresGrad_ freezes", () => {
    const net = new Net().requiresGrad_(false);
    expect(net.parameters().some((parameter) => parameter.requiresGrad)).toBe(false);
  });

  it("zeroGrad drops gradients, or fills them with zeros", () => {
    const linear = new nn.Linear(2, 1);
    linear(ones(1, 2)).sum().backward();
    expect(linear.weight.grad!.toArray()).toEqual([[1, 1]]);
    linear.zeroGrad({ setToNone: false });
    expect(linear.weight.grad!.toArray()).toEqual([[0, 0]]);
    linear.zeroGrad();
    expect(linear.weight.grad).toBeNull();
  });

  it("parameters survive the scope they were made in", () => {
    const linear = scope(() => new nn.Linear(2, 1));
    expect(linear(ones(1, 2)).shape).toEqual([1, 1]);
  });
});

describe("hooks", () => {
  it("see and replace inputs and results, until removed", () => {
    const identity = new nn.Identity();
    const seen: number[] = [];
    const before = identity.registerForwardPreHook((_, [x]) => x.add(1));
    const after = identity.registerForwardHook((_, __, y) => {
      seen.push(y.item());
      return y.mul(10);
    });
    expect(identity(tensor([1])).item()).toBe(20);
    before.remove();
    expect(identity(tensor([1])).item()).toBe(10);
    after.remove();
    expect(identity(tensor([1])).item()).toBe(1);
    expect(seen).toEqual([2, 1]);
  });
});

describe("backward hooks", () => {
  type Seen = (unknown[] | null)[][];
  const values = (gradients: nn.Gradients): (unknown[] | null)[] =>
    gradients.map((gradient) => gradient && (gradient.toArray() as unknown[]));

  class Weigh extends nn.Module {
    forward(a: Tensor, b: Tensor, scale: number): [Tensor, Tensor] {
      return [a.mul(b), b.mul(scale)];
    }
  }

  it("see what comes and what goes on, of this call alone", () => {
    const seen: Seen = [];
    const weigh = new Weigh();
    weigh.registerFullBackwardHook((_, gradInput, gradOutput) => void seen.push(values(gradInput), values(gradOutput)));
    const [a, b] = [tensor([2.5], { requiresGrad: true }), tensor([0.5], { requiresGrad: true })];
    const [product, scaled] = weigh(a, b, 4);
    product.mul(10).add(scaled).add(a).sum().backward();
    expect(seen).toEqual([
      [[5], [29]],
      [[10], [1]],
    ]);
    expect([a.grad!.item(), b.grad!.item()]).toEqual([6, 29]);
  });

  it("run when only parameters have gradients, in each pass, until removed", () => {
    const seen: Seen = [];
    const linear = new nn.Linear(1, 1);
    const hook = linear.registerFullBackwardHook((_, gradInput, gradOutput) => {
      seen.push(values(gradInput), values(gradOutput));
    });
    const out = linear(ones(1, 1)).sum();
    out.backward({ retainGraph: true });
    out.backward();
    expect(seen).toEqual([[null], [[[1]]], [null], [[[1]]]]);
    hook.remove();
    linear(ones(1, 1)).sum().backward();
    expect(seen).toHaveLength(4);
  });

  it("may replace the gradient, also of what hands its input through", () => {
    const identity = new nn.Identity();
    identity.registerFullBackwardHook((_, [gradInput], [gradOutput]) => gradInput!.add(gradOutput!).mul(10));
    identity.registerFullBackwardHook((_, [gradInput]) => gradInput!.add(1));
    const x = tensor([1.5], { requiresGrad: true });
    identity(x).sum().backward();
    expect(x.grad!.toArray()).toEqual([21]);
    expect(identity(x.detach()).requiresGrad).toBe(false);
  });
});

describe("printing", () => {
  it("is PyTorch's", () => {
    expect(String(new Net())).toBe(`Net(
  (layer1): Sequential(
    (0): Conv2d(1, 4, kernel_size=(5, 5), stride=(1, 1))
    (1): ReLU(inplace=True)
    (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  )
  (head): Linear(in_features=576, out_features=10, bias=True)
)`);
  });

  it("is the same in Node's inspector", () => {
    const net = new Net();
    expect(inspect(net)).toBe(String(net));
    expect(inspect([new nn.Tanh()])).toBe("[ Tanh() ]");
  });

  it("shows parameters as such", () => {
    expect(String(new nn.Parameter(ones(2)))).toBe("Parameter containing:\ntensor([1., 1.], requires_grad=True)");
  });
});
