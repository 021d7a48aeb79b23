import "@dl/autograd";
import "@dl/backend-cpu";
import { defaultGenerator, noGrad, ones, rand, scope, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

const { deepcopy } = nn;

/** What a copy of a module must have in common with it: names, values, flags, and how it prints. */
function traits(module: nn.Module): unknown {
  return {
    text: String(module),
    modes: module.modules().map(({ training }) => training),
    parameters: module.namedParameters().map(([name, x]) => [name, x.requiresGrad, x.dtype, x.tolist()]),
    buffers: module.namedBuffers().map(([name, x]) => [name, x.dtype, x.tolist()]),
    state: Object.keys(module.stateDict()),
  };
}

describe("every layer", () => {
  const sequence = rand(2, 3, 4);
  const image = rand(1, 2, 6, 6);
  const cases: [name: string, make: () => nn.Module, input: Tensor][] = [
    ["Linear", () => new nn.Linear(4, 2), sequence],
    ["Conv2d, reflecting", () => new nn.Conv2d(2, 3, 3, { padding: 1, paddingMode: "reflect" }), image],
    ["ConvTranspose2d", () => new nn.ConvTranspose2d(2, 3, 3), image],
    ["BatchNorm2d", () => new nn.BatchNorm2d(2), image],
    ["a frozen LayerNorm", () => new nn.LayerNorm(4).requiresGrad_(false), sequence],
    ["LSTM", () => new nn.LSTM(4, 3, 2, { bidirectional: true }), sequence],
    ["GRUCell", () => new nn.GRUCell(4, 3), rand(2, 4)],
    ["TransformerEncoderLayer", () => new nn.TransformerEncoderLayer(4, 2, 8, 0), sequence],
    ["Sequential", () => new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Dropout(0)), sequence],
    ["a named Sequential", () => new nn.Sequential({ first: new nn.Linear(4, 4), act: new nn.Tanh() }), sequence],
    ["a module in double precision", () => new nn.Linear(4, 2).double().eval(), sequence.double()],
  ];
  it.each(cases)("%s computes the same, and shares nothing", (_, make, input) => {
    const original = make();
    const copy = deepcopy(original);
    expect(traits(copy)).toEqual(traits(original));
    const [wanted, got] = [original, copy].map((module) => [module(input)].flat(2) as Tensor[]);
    expect(got!.map((x) => x?.tolist())).toEqual(wanted!.map((x) => x?.tolist()));
    const before = traits(original);
    noGrad(() => [...copy.parameters(), ...copy.buffers()].forEach((x) => void x.add_(1)));
    expect(traits(original)).toEqual(before);
  });

  it("takes part in training by itself", () => {
    const original = new nn.Linear(1, 1, { bias: false });
    original(ones(1, 1)).backward();
    const copy = deepcopy(original);
    expect([original.weight.grad!.item(), copy.weight.grad]).toEqual([1, null]); // as in PyTorch
    copy(tensor([[3]]).float()).backward();
    expect([original.weight.grad!.item(), copy.weight.grad!.item()]).toEqual([1, 3]);
  });

  it("draws no random numbers", () => {
    const model = new nn.TransformerEncoderLayer(4, 2);
    const before = defaultGenerator.getState();
    deepcopy(model);
    expect(defaultGenerator.getState()).toEqual(before);
  });

  it("may be lazy: the copy grows by its own input", () => {
    const lazy = new nn.Sequential(new nn.LazyLinear(2));
    const [copy, loaded] = [deepcopy(lazy), deepcopy(lazy)];
    expect(copy(ones(1, 5)).shape).toEqual([1, 2]);
    expect(loaded.loadStateDict(new nn.Sequential(new nn.Linear(3, 2)).stateDict()).missingKeys).toEqual([]);
    expect([String(copy[0]), String(loaded[0])]).toEqual([
      "Linear(in_features=5, out_features=2, bias=True)",
      "Linear(in_features=3, out_features=2, bias=True)",
    ]);
    expect(lazy(ones(1, 4)).shape).toEqual([1, 2]);
    expect(String(deepcopy(lazy)[0])).toBe("Linear(in_features=4, out_features=2, bias=True)");
  });
});

describe("containers", () => {
  it("have their items, which can be replaced and added to", () => {
    const list = deepcopy(new nn.ModuleList([new nn.Linear(1, 1), new nn.Tanh()]));
    list[1] = new nn.ReLU();
    list.append(new nn.Tanh());
    expect([list.length, list[-1]!.getName(), list[1]!.getName()]).toEqual([3, "Tanh", "ReLU"]);
    const dict = deepcopy(new nn.ModuleDict({ a: new nn.Tanh() })).set("b", new nn.Tanh());
    expect(dict.keys()).toEqual(["a", "b"]);
    expect(deepcopy(new nn.ParameterList([ones(2)]))[0]).toBeInstanceOf(nn.Parameter);
    expect(
      deepcopy(new nn.ParameterDict({ w: ones(2) }))
        .get("w")
        .tolist(),
    ).toEqual([1, 1]);
    expect(deepcopy(new nn.ModuleList()).length).toBe(0);
  });

  it("keep fields that were added to them", () => {
    const model = new nn.Sequential(new nn.Tanh());
    model.registerParameter("scale", new nn.Parameter(ones(1)));
    expect(deepcopy(model).namedParameters()[0]![0]).toBe("scale");
  });
});

class Everything extends nn.Module {
  settings = { widths: [1, 2], nested: { on: true } };
  table = new Map<string, Tensor>([["a", ones(2)]]);
  seen = new Set([1]);
  bytes = new Uint8Array([1, 2]);
  since = new Date(5);
  accuracy = new nn.metrics.Accuracy();
  encoder = new nn.Linear(2, 2, { bias: false });
  decoder = new nn.Linear(2, 2, { bias: false });
  again = this.encoder;
  declare runningMean: Tensor;
  declare scratch: Tensor | null;
  note: string;
  constructor(note: string) {
    super();
    this.note = note;
    this.decoder.weight = this.encoder.weight;
    this.registerBuffer("runningMean", zeros(2));
    this.registerBuffer("scratch", null, false);
    Object.defineProperty(this, Symbol.for("mark"), { value: [3], enumerable: true });
  }
  forward(x: Tensor): Tensor {
    return this.decoder(this.encoder(x));
  }
}

describe("fields", () => {
  const original = new Everything("note");
  original.accuracy.update(tensor([1]), tensor([1]));
  const copy = deepcopy(original);

  it("are copied, whatever plain data they hold", () => {
    const { settings, table, seen, bytes, since, note, scratch } = copy;
    expect({ settings, seen, bytes, since, note, scratch }).toEqual({
      settings: { widths: [1, 2], nested: { on: true } },
      seen: new Set([1]),
      bytes: new Uint8Array([1, 2]),
      since: new Date(5),
      note: "note",
      scratch: null,
    });
    expect([table.get("a")!.tolist(), copy.accuracy.correct]).toEqual([[1, 1], 1]);
    expect((copy as unknown as Record<symbol, unknown>)[Symbol.for("mark")]).toEqual([3]);
    expect(Object.keys(copy)).toEqual(Object.keys(original));
  });

  it("share nothing with the original's", () => {
    copy.settings.widths.push(3);
    copy.bytes[0] = 9;
    noGrad(() => copy.table.get("a")!.zero_());
    copy.accuracy.update(tensor([1]), tensor([0]));
    copy.runningMean = ones(2);
    expect([original.settings.widths, original.bytes[0], original.accuracy.total]).toEqual([[1, 2], 1, 1]);
    expect([original.table.get("a")!.tolist(), original.runningMean.tolist()]).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  it("are tied in the copy where they were tied", () => {
    expect(copy.decoder.weight).toBe(copy.encoder.weight);
    expect(copy.again).toBe(copy.encoder);
    expect(copy.encoder.weight === original.encoder.weight).toBe(false);
    expect(copy.parameters()).toHaveLength(1);
  });

  it("still refuse a plain tensor in a parameter's place, and a number as a buffer", () => {
    const twin = deepcopy(copy.encoder);
    twin.weight = zeros(2, 2) as nn.Parameter;
    expect(() => twin.parameters()).toThrow("a plain tensor took the place of the parameter weight");
    expect(() => Object.assign(deepcopy(original), { runningMean: 3 })).toThrow("runningMean is to be a Tensor");
  });

  it("outlive the scope of the copy", () => {
    const made = { model: null as Everything | null };
    scope(() => void (made.model = deepcopy(original)));
    expect(made.model!(ones(1, 2)).shape).toEqual([1, 2]);
    expect([made.model!.table.get("a")!.isDisposed, made.model!.runningMean.isDisposed]).toEqual([false, false]);
  });
});

it("hooks are kept, and each module removes its own", () => {
  const seen: nn.Module[] = [];
  const original = new nn.Linear(1, 1);
  const hook = original.registerForwardHook((module) => void seen.push(module));
  const copy = deepcopy(original);
  hook.remove();
  original(ones(1, 1));
  copy(ones(1, 1));
  expect(seen).toEqual([copy]);
});

it("tensors: leaves have their gradient, results lose their history, and views their base", () => {
  const leaf = ones(2, { requiresGrad: true });
  leaf.sum().backward();
  const [x, y, same] = deepcopy([leaf, leaf.mul(2), leaf]);
  expect([x.grad!.tolist(), x.requiresGrad, y.requiresGrad, y.tolist()]).toEqual([[1, 1], true, false, [2, 2]]);
  expect([same === x, x.grad === leaf.grad]).toEqual([true, false]);
});

it("a state dict is copied by it, to be loaded later", () => {
  const model = new nn.Linear(1, 1);
  const best = deepcopy(model.stateDict());
  const before = model.weight.item();
  noGrad(() => model.weight.fill_(9));
  model.loadStateDict(best);
  expect(model.weight.item()).toBe(before);
});

it("what leads back to itself does so in the copy", () => {
  const node: { self?: unknown; list: unknown[] } = { list: [] };
  node.self = node;
  node.list.push(node.list);
  const copy = deepcopy(node);
  expect([copy.self === copy, copy.list[0] === copy.list, copy === node]).toEqual([true, true, false]);
});
