import "@dl/autograd";
import "@dl/backend-cpu";
import { arange, noGrad, ones, rand, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";

const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaMultiAvgFn, updateBn } = nn.swaUtils;

/** Parameters v, v + 1…; running mean and count v. */
function model(v: number): nn.Sequential {
  const made = new nn.Sequential(new nn.Linear(2, 1), new nn.BatchNorm1d(1));
  const norm = made[1] as nn.BatchNorm1d;
  noGrad(() => {
    made.parameters().forEach(
      (x, i) =>
        void x.copy_(
          arange(x.numel())
            .add(v + i)
            .view(x.shape)
            .float(),
        ),
    );
    norm.runningMean!.fill_(v);
    norm.numBatchesTracked!.fill_(Math.floor(v));
  });
  return made;
}

function values(state: nn.StateDict): Record<string, unknown> {
  return Object.fromEntries(Object.entries(state).map(([name, x]) => [name, x.flatten().tolist()]));
}

const near = (numbers: number[]): unknown => numbers.map((x) => expect.closeTo(x, 5));

describe("AveragedModel", () => {
  const updated = (options: object): Record<string, unknown> => {
    const averaged = new AveragedModel(model(1), options);
    for (const v of [1, 4, 2.5]) averaged.updateParameters(model(v));
    return values(averaged.stateDict());
  };
  const mean = {
    n_averaged: [3],
    "module.0.weight": near([2.5, 3.5]),
    "module.0.bias": near([3.5]),
    "module.1.weight": near([4.5]),
    "module.1.bias": near([5.5]),
    "module.1.running_var": [1],
  };

  it("averages parameters, and has the model's buffers", () => {
    const buffers = { "module.1.running_mean": [2.5], "module.1.num_batches_tracked": [2] };
    expect(updated({})).toEqual({ ...mean, ...buffers });
    expect(updated({ multiAvgFn: getSwaMultiAvgFn() })).toEqual({ ...mean, ...buffers });
    expect(Object.keys(updated({}))[0]).toBe("n_averaged");
  });

  it("averages buffers, too, if wanted, whole numbers cut off", () => {
    const buffers = { "module.1.running_mean": near([2.5]), "module.1.num_batches_tracked": [2] };
    expect(updated({ useBuffers: true })).toEqual({ ...mean, ...buffers });
  });

  it.each<[string, object]>([
    ["a function of one's own", { avgFn: (a: Tensor, b: Tensor) => a.mul(0.9).add(b.mul(0.1)) }],
    ["getEmaAvgFn", { avgFn: getEmaAvgFn(0.9) }],
    ["getEmaMultiAvgFn", { multiAvgFn: getEmaMultiAvgFn(0.9) }],
  ])("averages by %s", (_, options) => {
    expect(updated(options)).toMatchObject({
      "module.0.weight": near([1.42, 2.42]),
      "module.1.bias": near([4.42]),
    });
  });

  it("gives functions the number of updates, and all tensors at once", () => {
    const seen: unknown[] = [];
    const multiAvgFn = (averaged: readonly Tensor[], current: readonly Tensor[], count: number): void =>
      void seen.push([averaged.length, current.length, count]);
    const averaged = new AveragedModel(model(1), { multiAvgFn, useBuffers: true });
    for (const v of [1, 2, 3]) averaged.updateParameters(model(v));
    expect(seen).toEqual([
      [7, 7, 1],
      [7, 7, 2],
    ]);
  });

  it("leaves the model alone and computes like it", () => {
    const [original, x] = [model(1).eval(), rand(3, 2)];
    const averaged = new AveragedModel(original);
    expect(averaged(x).tolist()).toEqual(original(x).tolist());
    averaged.updateParameters(model(4));
    expect(original[0]!.parameters()[1]!.item()).toBe(2);
    expect(averaged.train().module.training).toBe(true);
  });

  it("goes on from a state", () => {
    const [from, into] = [new AveragedModel(model(1)), new AveragedModel(model(7))];
    for (const v of [1, 4]) from.updateParameters(model(v));
    into.loadStateDict(from.stateDict());
    into.updateParameters(model(2.5));
    expect(values(into.stateDict())).toMatchObject(mean);
    expect(values(nn.deepcopy(into).stateDict())).toMatchObject(mean);
  });

  it.each<[string, () => unknown, string]>([
    [
      "both functions",
      () => new AveragedModel(model(1), null, getEmaAvgFn(), getEmaMultiAvgFn()),
      "got both avgFn and",
    ],
    ["no model", () => new AveragedModel([] as never), "the first argument is the model"],
    ["a decay above 1", () => getEmaMultiAvgFn(1.5), "getEmaMultiAvgFn: decay must lie in [0, 1], got 1.5"],
    [
      "another model",
      () => new AveragedModel(model(1)).updateParameters(new nn.Linear(2, 1)),
      "the average has parameters [1, 2], [1], [1], [1], the model [1, 2], [1]. Pass the model that",
    ],
  ])("refuses %s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe("updateBn", () => {
  const batches = arange(12).float().view(3, 2, 2).pow(1.5).unbind(0);
  const net = (): nn.Sequential => {
    const made = new nn.Sequential(
      new nn.BatchNorm1d(2),
      new nn.Linear(2, 2, { bias: false }),
      new nn.BatchNorm1d(2, { momentum: 0.3 }),
    );
    noGrad(() =>
      made[1]!.parameters()[0]!.copy_(
        tensor([
          [1, 2],
          [-1, 0.5],
        ]),
      ),
    );
    return made;
  };
  const wanted = {
    "0.running_mean": near([13.295925, 16.56327]),
    "0.running_var": near([22.294245, 26.901163]),
    "0.num_batches_tracked": [3],
    "2.running_mean": near([0, 0]),
    "2.running_var": [expect.closeTo(18, 3), expect.closeTo(0.5, 4)],
  };

  it.each<[string, AsyncIterable<unknown> | Iterable<unknown>]>([
    ["inputs", batches],
    ["lists that begin with them", batches.map((input) => [input, 0])],
    [
      "what a loader gives",
      (async function* () {
        yield* batches;
      })(),
    ],
  ])("computes the moments of %s", async (_, loader) => {
    const made = net();
    made(rand(4, 2));
    await updateBn(loader as Iterable<Tensor>, made);
    expect(values(made.stateDict())).toMatchObject(wanted);
  });

  it("leaves modes, momenta and weights as they were", async () => {
    const made = net().eval();
    made[2]!.train();
    await updateBn(batches, made);
    expect(made.modules().map(({ training }) => training)).toEqual([false, false, false, true]);
    expect([0, 2].map((i) => (made[i] as nn.BatchNorm1d).momentum)).toEqual([0.1, 0.3]);
    expect(made.parameters().every(({ grad }) => grad === null)).toBe(true);
  });

  it("does so where a batch cannot be used, too", async () => {
    const made = net().eval();
    await expect(updateBn(["x"] as never, made)).rejects.toThrow(
      "updateBn: a batch is a tensor, or a list that begins",
    );
    expect([made.training, (made[0] as nn.BatchNorm1d).momentum]).toEqual([false, 0.1]);
  });

  it("reads nothing where there is no batch norm", async () => {
    const loader = { [Symbol.iterator]: (): never => expect.unreachable() };
    await updateBn(loader, new nn.Linear(1, 1));
    expect(ones(1).item()).toBe(1);
  });
});
