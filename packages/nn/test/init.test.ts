import "@dl/backend-cpu";
import { empty, manualSeed, ones, type Tensor, tensor, zeros } from "@dl/tensor";
import { beforeEach, describe, expect, it } from "vitest";
import { init, Parameter, utils } from "../src/index.ts";

beforeEach(() => void manualSeed(5));

const moments = (x: Tensor): [mean: number, std: number] => [x.mean().item(), x.std().item()];

describe("distributions", () => {
  it("uniform_ and normal_ have the moments asked for", () => {
    const uniform = init.uniform_(empty(200, 200), -1, 3);
    expect(moments(uniform)[0]).toBeCloseTo(1, 1);
    expect([uniform.amin().item() >= -1, uniform.amax().item() < 3]).toEqual([true, true]);
    const [mean, std] = moments(init.normal_(empty(200, 200), 2, 0.5));
    expect(mean).toBeCloseTo(2, 1);
    expect(std).toBeCloseTo(0.5, 2);
  });

  it("truncNormal_ stays within its limits, with the truncated variance", () => {
    const x = init.truncNormal_(empty(300, 300), 0, 1, -1, 1);
    expect(x.abs().amax().item()).toBeLessThanOrEqual(1);
    expect(moments(x)[1]).toBeCloseTo(0.5396, 2);
    const shifted = init.truncNormal_(empty(100, 100), 1, 2, 0, 5);
    expect([shifted.amin().item() >= 0, shifted.amax().item() <= 5]).toEqual([true, true]);
  });

  it("xavier and kaiming follow the fans", () => {
    const weight = empty(50, 20, 3, 3);
    expect(init.calculateFanInAndFanOut(weight)).toEqual([180, 450]);
    expect(moments(init.xavierNormal_(weight, 2))[1]).toBeCloseTo(2 * Math.sqrt(2 / 630), 2);
    expect(init.xavierUniform_(weight).abs().amax().item()).toBeLessThanOrEqual(Math.sqrt(6 / 630));
    expect(moments(init.kaimingNormal_(weight, 0, "fanOut", "relu"))[1]).toBeCloseTo(Math.sqrt(2 / 450), 3);
    expect(() => init.xavierUniform_(empty(3))).toThrow(/2 or more dimensions/);
  });
});

describe("structures", () => {
  it("orthogonal_ has rows at right angles", () => {
    for (const shape of [
      [4, 7],
      [7, 4],
    ]) {
      const q = init.orthogonal_(empty(shape, { dtype: "float64" }), 2);
      const products = shape[0]! < shape[1]! ? q.matmul(q.t()) : q.t().matmul(q);
      const identity = init.eye_(empty(4, 4, { dtype: "float64" })).mul(4);
      expect(products.sub(identity).abs().amax().item()).toBeLessThan(1e-10);
    }
  });

  it("orthogonal_ prefers no turn, and leaves nothing alone", () => {
    const signs = Array.from({ length: 40 }, () => init.orthogonal_(empty(1, 1)).item());
    expect(new Set(signs)).toEqual(new Set([-1, 1]));
    expect(init.orthogonal_(empty(3, 0)).shape).toEqual([3, 0]);
  });

  it("dirac_ hands channels through, sparse_ zeroes a share of each column", () => {
    expect(init.dirac_(ones(2, 2, 3)).toArray()).toEqual([
      [
        [0, 1, 0],
        [0, 0, 0],
      ],
      [
        [0, 0, 0],
        [0, 1, 0],
      ],
    ]);
    expect(init.sparse_(zeros(10, 3), 0.3).eq(0).sum(0).toArray()).toEqual([3, 3, 3]);
  });

  it("works on parameters without recording", () => {
    const parameter = new Parameter(empty(2, 2));
    expect(init.constant_(parameter, 3)).toBe(parameter);
    expect([parameter.toArray(), parameter.isLeaf]).toEqual([
      [
        [3, 3],
        [3, 3],
      ],
      true,
    ]);
  });

  it("knows gains under both spellings", () => {
    expect(init.calculateGain("leakyRelu", 1)).toBe(init.calculateGain("leaky_relu", 1));
    expect(init.calculateGain("tanh")).toBeCloseTo(5 / 3);
    expect(() => init.calculateGain("swish")).toThrow(/unknown nonlinearity "swish"/);
  });
});

describe("utils", () => {
  const withGradient = (values: number[], gradient: number[]): Parameter => {
    const parameter = new Parameter(tensor(values).to("float32"));
    parameter.grad = tensor(gradient).to("float32");
    return parameter;
  };

  it("clipGradNorm_ scales all gradients together", () => {
    const parameters = [withGradient([0], [3]), withGradient([0, 0], [0, 4]), new Parameter(zeros(1))];
    expect(utils.clipGradNorm_(parameters, 1).item()).toBeCloseTo(5, 5);
    expect(parameters.slice(0, 2).map(({ grad }) => grad!.toArray())).toEqual([
      [expect.closeTo(0.6, 5)],
      [0, expect.closeTo(0.8, 5)],
    ]);
    expect(utils.clipGradNorm_(parameters, 10).item()).toBeCloseTo(1, 5);
    expect(parameters[0]!.grad!.item()).toBeCloseTo(0.6, 5);
  });

  it("clipGradNorm_ takes its options by name", () => {
    const parameters = [withGradient([0], [3]), withGradient([0], [4])];
    const largest = utils.clipGradNorm_(parameters, { maxNorm: 2, normType: Number.POSITIVE_INFINITY });
    expect([largest.item(), parameters[1]!.grad!.item()]).toEqual([4, expect.closeTo(2, 5)]);
  });

  it("clipGradNorm_ may refuse what is not finite", () => {
    const bad = withGradient([0], [Number.NaN]);
    expect(() => utils.clipGradNorm_(bad, 1, { errorIfNonfinite: true })).toThrow(/norm of the gradients is NaN/);
    expect(utils.clipGradNorm_([], 1).item()).toBe(0);
  });

  it("clipGradValue_ limits each element", () => {
    const parameter = withGradient([0, 0], [-3, 0.5]);
    utils.clipGradValue_([parameter], 1);
    expect(parameter.grad!.toArray()).toEqual([-1, 0.5]);
  });

  it("parameters become a vector and come back", () => {
    const parameters = [withGradient([1, 2], [0, 0]), withGradient([3], [0])];
    const vector = utils.parametersToVector(parameters);
    expect(vector.toArray()).toEqual([1, 2, 3]);
    utils.vectorToParameters(vector.mul(10), parameters);
    expect(parameters.map((parameter) => parameter.toArray())).toEqual([[10, 20], [30]]);
    expect(() => utils.vectorToParameters(zeros(2), parameters)).toThrow(/have 3 elements, the vector 2/);
  });
});

describe("utils.rnn", () => {
  const sequences = [tensor([1, 2, 3]), tensor([4]), tensor([5, 6])];

  it("padSequence joins sequences of different lengths, unpadSequence parts them", () => {
    const padded = utils.rnn.padSequence(sequences, { batchFirst: true, paddingValue: -1 });
    expect(padded.toArray()).toEqual([
      [1, 2, 3],
      [4, -1, -1],
      [5, 6, -1],
    ]);
    const parts = utils.rnn.unpadSequence(padded, tensor([3, 1, 2]), { batchFirst: true });
    expect(parts.map((part) => part.toArray())).toEqual([[1, 2, 3], [4], [5, 6]]);
  });

  it("time comes first unless said otherwise, and elements may have dimensions", () => {
    expect(utils.rnn.padSequence(sequences).shape).toEqual([3, 3]);
    expect(utils.rnn.padSequence([ones(2, 5), ones(4, 5)]).shape).toEqual([4, 2, 5]);
    const [first, second] = utils.rnn.unpadSequence(utils.rnn.padSequence([ones(2, 5), zeros(4, 5)]), tensor([2, 4]));
    expect([first!.toArray(), second!.shape]).toEqual([ones(2, 5).toArray(), [4, 5]]);
    expect(() => utils.rnn.padSequence([tensor(1)])).toThrow("padSequence: needs sequences, got a 0-d tensor");
  });
});

it("initialisers take their options by name", () => {
  const weight = ones(200, 100);
  expect(init.normal_(weight, { std: 0.02 }).std().item()).toBeCloseTo(0.02, 3);
  expect(init.kaimingNormal_(weight, { mode: "fan_out", nonlinearity: "relu" }).std().item()).toBeCloseTo(0.1, 2);
  expect(init.constant_(weight, { val: 3 }).amin().item()).toBe(3);
  expect(init.uniform_(weight, { b: 0.1 }).amax().item()).toBeLessThan(0.1);
  expect(() => init.normal_(weight, { sdt: 1 } as object)).toThrow('normal_: unknown option "sdt"');
});
