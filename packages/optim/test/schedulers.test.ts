import "@dl/backend-cpu";
import { ones, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { Adam, lrScheduler, SGD } from "../src/index.ts";

const optimizer = (...rates: number[]): SGD =>
  new SGD(
    rates.map((lr) => ({ params: [ones(1, { requiresGrad: true })], lr })),
    { lr: 1, momentum: 0.9 },
  );

/** The first group's rate at the start and after each step. */
function rates(scheduler: { step(metric?: number): void; getLastLr(): readonly number[] }, steps: number): number[] {
  const seen = [scheduler.getLastLr()[0]!];
  for (let i = 0; i < steps; i++) {
    scheduler.step();
    seen.push(scheduler.getLastLr()[0]!);
  }
  return seen;
}

const near = (values: number[]): unknown[] => values.map((value) => expect.closeTo(value, 10));

describe("schedules of one formula", () => {
  it("follow their closed forms", () => {
    const steps = Array.from({ length: 13 }, (_, epoch) => epoch);
    const { StepLR, ExponentialLR, LinearLR, CosineAnnealingLR, PolynomialLR, MultiStepLR, ConstantLR, LambdaLR } =
      lrScheduler;
    const cases: [ReturnType<typeof rates>, (epoch: number) => number][] = [
      [rates(new StepLR(optimizer(2), 4), 12), (e) => 2 * 0.1 ** Math.floor(e / 4)],
      [rates(new StepLR(optimizer(2), { stepSize: 3, gamma: 0.5 }), 12), (e) => 2 * 0.5 ** Math.floor(e / 3)],
      [rates(new MultiStepLR(optimizer(2), [2, 7], 0.1), 12), (e) => 2 * 0.1 ** (Number(e >= 2) + Number(e >= 7))],
      [rates(new ExponentialLR(optimizer(2), 0.9), 12), (e) => 2 * 0.9 ** e],
      [rates(new LinearLR(optimizer(2), 0.5, 1, 4), 12), (e) => 2 * (0.5 + 0.5 * Math.min(e / 4, 1))],
      [rates(new ConstantLR(optimizer(2), 0.25, { totalIters: 6 }), 12), (e) => (e < 6 ? 0.5 : 2)],
      [rates(new CosineAnnealingLR(optimizer(2), 12, 0.2), 12), (e) => 0.2 + 0.9 * (1 + Math.cos((Math.PI * e) / 12))],
      [rates(new PolynomialLR(optimizer(2), 12, 2), 12), (e) => 2 * (1 - e / 12) ** 2],
      [rates(new LambdaLR(optimizer(2), (e) => 1 / (1 + e)), 12), (e) => 2 / (1 + e)],
    ];
    for (const [seen, formula] of cases) expect(seen).toEqual(near(steps.map(formula)));
  });

  it("give each group its own", () => {
    const sgd = optimizer(1, 10);
    const scheduler = new lrScheduler.LambdaLR(sgd, [(e) => 1 - e / 10, () => 1]);
    scheduler.step();
    expect(sgd.paramGroups.map(({ lr }) => lr)).toEqual([0.9, 10]);
    expect(() => new lrScheduler.LambdaLR(sgd, [() => 1])).toThrow(/needs 2 functions, one a group, got 1/);
  });

  it("act on the rate as it is, so that it may be changed by hand", () => {
    const sgd = optimizer(1);
    const scheduler = new lrScheduler.ExponentialLR(sgd, 0.5);
    sgd.paramGroups[0]!.lr = 100;
    scheduler.step();
    expect(scheduler.getLastLr()).toEqual([50]);
  });
});

describe("cycles", () => {
  it("warm restarts begin anew, longer each time", () => {
    const seen = rates(new lrScheduler.CosineAnnealingWarmRestarts(optimizer(1), 2, 2), 7);
    expect(seen).toEqual(
      near([
        1,
        0.5,
        1,
        ...[1, 2, 3].map((i) => (1 + Math.cos((Math.PI * i) / 4)) / 2),
        1,
        (1 + Math.cos(Math.PI / 8)) / 2,
      ]),
    );
  });

  it("a triangle goes up and down, momentum against it", () => {
    const sgd = optimizer(1);
    const seen = rates(new lrScheduler.CyclicLR(sgd, 1, 3, 2), 4);
    expect(seen).toEqual(near([1, 2, 3, 2, 1]));
    expect(sgd.paramGroups[0]!["momentum"]).toBeCloseTo(0.9);
  });

  it("one cycle ends at almost nothing, and then is over", () => {
    const adam = new Adam([ones(1, { requiresGrad: true })]);
    const scheduler = new lrScheduler.OneCycleLR(adam, { maxLr: 1, totalSteps: 10 });
    const seen = rates(scheduler, 9);
    expect([seen[0], Math.max(...seen), seen[9]]).toEqual([
      expect.closeTo(0.04),
      expect.closeTo(1),
      expect.closeTo(4e-6),
    ]);
    expect((adam.paramGroups[0]!["betas"] as number[])[0]).toBeCloseTo(0.95);
    expect(() => rates(scheduler, 3)).toThrow(/beyond the 10 steps/);
    expect(() => new lrScheduler.OneCycleLR(adam, 1)).toThrow(/positive number of steps/);
  });
});

it.each([
  [
    "a step of nothing",
    (o: SGD) => new lrScheduler.StepLR(o, undefined as never),
    "stepSize must be above 0, got undefined",
  ],
  ["no epochs", (o: SGD) => new lrScheduler.CosineAnnealingLR(o, 0), "CosineAnnealingLR: the learning rate would"],
  ["a rule without result", (o: SGD) => new lrScheduler.LambdaLR(o, (() => {}) as never), "LambdaLR: the learning"],
  ["half epochs", (o: SGD) => new lrScheduler.CosineAnnealingWarmRestarts(o, 1.5), "whole numbers above 0, got 1.5"],
])("%s is refused, and changes nothing", (_, make, message) => {
  const some = optimizer(2);
  expect(() => {
    const scheduler = make(some);
    scheduler.step();
  }).toThrow(message);
  expect(some.paramGroups[0]!.lr).toBe(2);
});

it("groups that were added later keep their rates", () => {
  const { CosineAnnealingLR, CosineAnnealingWarmRestarts, LambdaLR, SequentialLR, StepLR } = lrScheduler;
  const schedules = [
    (o: SGD) => new CosineAnnealingWarmRestarts(o, 3),
    (o: SGD) => new CosineAnnealingLR(o, 1),
    (o: SGD) => new LambdaLR(o, (epoch: number) => 1 / (epoch + 1)),
    (o: SGD) => new SequentialLR(o, [new StepLR(o, 1), new StepLR(o, 2)], [1]),
  ];
  for (const schedule of schedules) {
    const o = optimizer(0.1);
    const scheduler = schedule(o);
    o.addParamGroup({ params: ones(1, { requiresGrad: true }), lr: 0.5 });
    for (let i = 0; i < 3; i++) scheduler.step();
    expect([o.paramGroups[1]!.lr, Number.isFinite(o.paramGroups[0]!.lr)]).toEqual([0.5, true]);
  }
});

describe("ReduceLROnPlateau", () => {
  it("waits for `patience` steps without improvement", () => {
    const sgd = optimizer(1);
    const scheduler = new lrScheduler.ReduceLROnPlateau(sgd, { patience: 1, factor: 0.5, cooldown: 1 });
    const seen = [1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1].map((loss, i) => {
      scheduler.step(i === 0 ? tensor(loss).to("float32") : loss);
      return scheduler.getLastLr()[0];
    });
    expect(seen).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]);
  });

  it("watches rising metrics too, down to a floor", () => {
    const scheduler = new lrScheduler.ReduceLROnPlateau(optimizer(1), "max", 0.1, { patience: 0, minLr: 0.05 });
    for (const accuracy of [0.5, 0.6, 0.4, 0.4]) scheduler.step(accuracy);
    expect(scheduler.getLastLr()).toEqual([0.05]);
    expect(() => new lrScheduler.ReduceLROnPlateau(optimizer(1), { factor: 1 })).toThrow(/below 1/);
  });
});

describe("several schedules", () => {
  it("one after the other", () => {
    const sgd = optimizer(1);
    const warm = new lrScheduler.LinearLR(sgd, 0.5, 1, 2);
    const decay = new lrScheduler.ExponentialLR(sgd, 0.5);
    expect(rates(new lrScheduler.SequentialLR(sgd, [warm, decay], [2]), 5)).toEqual(
      near([0.5, 0.75, 1, 0.5, 0.25, 0.125]),
    );
    expect(() => new lrScheduler.SequentialLR(sgd, [warm], [2])).toThrow(/1 schedulers need 0 milestones, got 1/);
  });

  it("all at once", () => {
    const sgd = optimizer(1);
    const both = [new lrScheduler.ExponentialLR(sgd, 0.5), new lrScheduler.StepLR(sgd, 2)];
    expect(rates(new lrScheduler.ChainedScheduler(both), 2)).toEqual(near([1, 0.5, 0.025]));
    expect(() => new lrScheduler.ChainedScheduler([both[0]!, new lrScheduler.StepLR(optimizer(1), 1)])).toThrow(
      /one optimizer/,
    );
  });
});

it("a saved schedule goes on where it was", () => {
  const make = (): [SGD, lrScheduler.CosineAnnealingLR] => {
    const sgd = optimizer(1);
    return [sgd, new lrScheduler.CosineAnnealingLR(sgd, 10)];
  };
  const [[first, from], [second, into]] = [make(), make()];
  rates(from, 4);
  into.loadStateDict(JSON.parse(JSON.stringify(from.stateDict())));
  second.loadStateDict(first.stateDict());
  expect([into.lastEpoch, into.getLastLr()]).toEqual([4, from.getLastLr()]);
  expect(rates(into, 3)).toEqual(rates(from, 3));
});

it("states have PyTorch's names", () => {
  const sgd = optimizer(1);
  expect(new lrScheduler.CosineAnnealingWarmRestarts(sgd, 3).stateDict()).toEqual({
    T_0: 3,
    T_mult: 1,
    eta_min: 0,
    base_lrs: [1],
    last_epoch: 0,
    _last_lr: [1],
  });
  const plateau = new lrScheduler.ReduceLROnPlateau(sgd, { patience: 0 });
  plateau.step(1);
  expect(plateau.stateDict()).toMatchObject({ best: 1, num_bad_epochs: 0, threshold_mode: "rel", min_lrs: [0] });
  const both = new lrScheduler.ChainedScheduler([
    new lrScheduler.StepLR(sgd, 2),
    new lrScheduler.ExponentialLR(sgd, 1),
  ]);
  expect(both.stateDict()).toMatchObject({ _schedulers: [{ step_size: 2, gamma: 0.1 }, { gamma: 1 }], _last_lr: [1] });
});

it("a state of PyTorch's is taken, with the options in it", () => {
  const steps = new lrScheduler.MultiStepLR(optimizer(1), [7]);
  const saved = { milestones: { 2: 1, 3: 2 }, gamma: 0.5, base_lrs: [1], last_epoch: 1, verbose: false, _last_lr: [1] };
  steps.loadStateDict(saved);
  expect(steps.milestones).toEqual([2, 3, 3]);
  expect(rates(steps, 3)).toEqual(near([1, 0.5, 0.125, 0.125]));
  expect(steps).not.toHaveProperty("verbose");
});

it("what is no state is refused", () => {
  const sgd = optimizer(1);
  const schedules = [new lrScheduler.MultiStepLR(sgd, [2]), new lrScheduler.ReduceLROnPlateau(sgd)];
  for (const one of schedules) expect(() => one.loadStateDict({ lastEpoch: 3 })).toThrow(/the state has no last_epoch/);
  const chained = new lrScheduler.ChainedScheduler([new lrScheduler.StepLR(sgd, 2)]);
  expect(() => chained.loadStateDict({ _schedulers: [] })).toThrow("the state is of 0 schedulers, here are 1");
});
