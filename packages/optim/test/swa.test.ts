import "@dl/backend-cpu";
import { ones } from "@dl/tensor";
import { expect, it } from "vitest";
import { lrScheduler, SGD } from "../src/index.ts";

const optimizer = (...rates: number[]): SGD =>
  new SGD(
    rates.map((lr) => ({ params: [ones(1, { requiresGrad: true })], lr })),
    { lr: 1 },
  );

const near = (values: number[]): unknown[] => values.map((value) => expect.closeTo(value, 6));

it.each<[string, object, number[]]>([
  ["by a cosine", { swaLr: 0.05 }, [1, 0.9767518, 0.9092831, 0.804198, 0.6717831, 0.525, 0.3782169]],
  [
    "by a line",
    { swaLr: 0.05, annealEpochs: 4, annealStrategy: "linear" },
    [1, 0.7625, 0.525, 0.2875, 0.05, 0.05, 0.05],
  ],
  ["at once", { swaLr: [0.05], annealEpochs: 0 }, [0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]],
  ["upwards", { swaLr: 2, annealEpochs: 3 }, [1, 1.25, 1.75, 2, 2, 2, 2]],
])("SWALR goes to its rate %s", (_, options, wanted) => {
  const sgd = optimizer(1);
  const scheduler = new lrScheduler.SWALR(sgd, options as { swaLr: number });
  const rates = wanted.map((_, i) => {
    if (i > 0) scheduler.step();
    return sgd.paramGroups[0]!.lr;
  });
  expect(rates).toEqual(near(wanted));
});

it("SWALR begins where another schedule has got to", () => {
  const sgd = optimizer(1);
  const [first, then] = [
    new lrScheduler.ExponentialLR(sgd, 0.5),
    new lrScheduler.SWALR(sgd, { swaLr: 0.1, annealEpochs: 2 }),
  ];
  const rates = [0, 1, 2, 3, 4, 5].map((epoch) => {
    (epoch > 2 ? then : first).step();
    return sgd.paramGroups[0]!.lr;
  });
  expect(rates).toEqual(near([0.5, 0.25, 0.125, 0.1125, 0.1, 0.1]));
  expect(then.stateDict()).toEqual({ anneal_epochs: 2, base_lrs: [1], last_epoch: 3, _last_lr: near([0.1]) });
});

it("SWALR has a rate for each group", () => {
  const sgd = optimizer(1, 2);
  const scheduler = new lrScheduler.SWALR(sgd, [0.5, 0.25], 1);
  scheduler.step();
  expect(sgd.paramGroups.map(({ lr }) => lr)).toEqual([0.5, 0.25]);
  expect(sgd.stateDict().param_groups[0]).toMatchObject({ swa_lr: 0.5 });
});

it.each<[object, string]>([
  [{ swaLr: [1, 2] }, "SWALR: needs 1 values, one a group, got 2"],
  [{ swaLr: 1, annealEpochs: 1.5 }, "annealEpochs must be a whole number of at least 0, got 1.5"],
  [{ swaLr: 1, annealStrategy: "exp" }, 'annealStrategy is "cos" or "linear", got "exp"'],
])("SWALR refuses %j", (options, message) => {
  expect(() => new lrScheduler.SWALR(optimizer(1), options as { swaLr: number })).toThrow(message);
});
