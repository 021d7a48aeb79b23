import "@dl/autograd";
import "@dl/backend-cpu";
import { getBackend, memory, randn, scope, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as optim from "../src/index.ts";
import { Adam, AdamW, LBFGS, Optimizer, type ParamGroup, type ParamState, SGD } from "../src/index.ts";

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: "float32", requiresGrad: true });

/** One step with this gradient. */
function stepWith(optimizer: Optimizer, parameter: Tensor, ...gradient: number[]): number[] {
  parameter.grad = tensor(gradient).to("float32");
  optimizer.step();
  return parameter.toArray() as number[];
}

const all = [
  "ASGD",
  "Adadelta",
  "Adagrad",
  "Adam",
  "AdamW",
  "Adamax",
  "NAdam",
  "RAdam",
  "RMSprop",
  "Rprop",
  "SGD",
] as const;

/** Whether `body` comes to its end if memory runs out after so many calls of the backend. */
function finishes(body: () => void, calls: number): boolean {
  const backend = getBackend("cpu");
  const { run, runInto } = backend;
  let left = calls;
  const limited =
    <F extends (...args: never[]) => unknown>(f: F) =>
    (...args: Parameters<F>): ReturnType<F> => {
      if (left-- === 0) throw new Error("no memory");
      return f.apply(backend, args) as ReturnType<F>;
    };
  Object.assign(backend, { run: limited(run), runInto: limited(runInto) });
  try {
    body();
    return true;
  } catch {
    return false;
  } finally {
    Object.assign(backend, { run, runInto });
  }
}

/** Rates that suit a bowl better than 0.1. */
const rates: { readonly [name: string]: number } = { Adadelta: 5, Adagrad: 1, RMSprop: 0.05 };

describe.each(all)("%s", (name) => {
  // biome-ignore lint/performance/noDynamicNamespaceImportAccess: one test for all.
  const Class = optim[name] as unknown as { readonly names: readonly string[] } & (new (
    params: Tensor[],
    options: { lr: number },
  ) => Optimizer);

  it("goes down to the minimum of a bowl", () => {
    const x = leaf(3, -2);
    const optimizer = new Class([x], { lr: rates[name] ?? 0.1 });
    for (let step = 0; step < 300; step++) {
      optimizer.zeroGrad();
      x.square().sum().backward();
      optimizer.step();
    }
    expect(x.detach().abs().max().item()).toBeLessThan(0.05);
  });

  it.each(["float32", "float16"] as const)("leaves no %s parameter half written where memory runs out", (dtype) => {
    const made = (): [Tensor[], Optimizer] => {
      const params = [leaf(3, -2), leaf(1, 0.5)].map((x) => x.detach().to(dtype).clone().requiresGrad_());
      const optimizer = new Class(params, { lr: 0.1 });
      for (const group of optimizer.paramGroups) if ("weightDecay" in group) group["weightDecay"] = 0.1;
      for (const param of params) param.grad = tensor([1, -2]).to(dtype);
      return [params, optimizer];
    };
    const values = (params: Tensor[]): string[] => params.map((param) => String(param.toArray()));
    const [stepped, optimizer] = made();
    const before = values(stepped);
    optimizer.step();
    const after = values(stepped);
    for (let calls = 0, ended = false; !ended; calls++) {
      const [params, limited] = made();
      ended = finishes(() => void limited.step(), calls);
      values(params).forEach((found, i) => void expect([before[i], after[i]], `after ${calls} calls`).toContain(found));
    }
  });

  it("goes on from a saved state as if nothing had happened", () => {
    const [x, y] = [leaf(3, -2), leaf(3, -2)];
    const first = new Class([x], { lr: 0.05 });
    for (const gradient of [1, -2, 0.5]) stepWith(first, x, gradient, 1);
    y.detach().copy_(x.detach());
    const second = new Class([y], { lr: 1 });
    second.loadStateDict(first.stateDict());
    expect(second.paramGroups[0]!.lr).toBe(0.05);
    for (const gradient of [0.3, -0.1]) {
      expect(stepWith(second, y, gradient, 2)).toEqual(stepWith(first, x, gradient, 2));
    }
  });

  it("leaves parameters without a gradient alone, and keeps memory flat in scopes", () => {
    const [x, idle] = [leaf(1, 2), leaf(5)];
    const optimizer = new Class([x, idle], { lr: 0.01 });
    const step = (): void =>
      scope(() => {
        optimizer.zeroGrad();
        x.square().sum().backward();
        optimizer.step();
      });
    for (let i = 0; i < 5; i++) step();
    const { buffers } = memory();
    for (let i = 0; i < 20; i++) step();
    expect(memory().buffers).toBe(buffers);
    expect(idle.toArray()).toEqual([5]);
  });

  it("lists its parameters", () => {
    expect(Class.names.slice(0, 2)).toEqual(["params", "lr"]);
  });
});

describe("SGD", () => {
  it("does what its formula says", () => {
    const x = leaf(1, 2);
    const plain = new SGD([x], 0.1);
    expect(stepWith(plain, x, 1, -1)).toEqual([expect.closeTo(0.9, 6), expect.closeTo(2.1, 6)]);
    const y = leaf(1);
    const heavy = new SGD([y], { lr: 0.1, momentum: 0.5, weightDecay: 0.1 });
    // d = 1 + 0.1, then 0.5 · 1.1 + (1 + 0.1 · 0.89)
    expect(stepWith(heavy, y, 1)[0]).toBeCloseTo(0.89, 6);
    expect(stepWith(heavy, y, 1)[0]).toBeCloseTo(0.89 - 0.1 * (0.55 + 1.089), 6);
    const z = leaf(1);
    expect(stepWith(new SGD([z], { lr: 0.1, maximize: true }), z, 1)[0]).toBeCloseTo(1.1, 6);
  });
});

describe("Adam", () => {
  it("moves by the learning rate at first, whatever the gradient", () => {
    const x = leaf(0, 0);
    expect(stepWith(new Adam([x], { lr: 0.1 }), x, 1e-3, -100)).toEqual([
      expect.closeTo(-0.1, 4),
      expect.closeTo(0.1, 4),
    ]);
  });

  it("with decoupled decay shrinks parameters apart from gradients", () => {
    const x = leaf(1);
    expect(stepWith(new AdamW([x], { lr: 0.1, weightDecay: 0.5 }), x, 0)[0]).toBeCloseTo(0.95, 6);
    const y = leaf(1);
    expect(stepWith(new Adam([y], { lr: 0.1, amsgrad: true }), y, 1)[0]).toBeCloseTo(0.9, 5);
  });
});

describe("LBFGS", () => {
  const rosenbrock = (x: Tensor): Tensor => {
    const [a, b] = [x.at(0), x.at(1)];
    return a.neg().add(1).square().add(b.sub(a.square()).square().mul(100));
  };
  const run = (lineSearchFn: "strong_wolfe" | null, steps: number): [number[], number] => {
    const x = tensor([-1.2, 1], { dtype: "float64", requiresGrad: true });
    const optimizer = new LBFGS([x], { lr: lineSearchFn ? 1 : 0.1, lineSearchFn });
    let first: Tensor | number = 0;
    for (let i = 0; i < steps; i++) {
      first = optimizer.step(() => {
        optimizer.zeroGrad();
        const loss = rosenbrock(x);
        loss.backward();
        return loss;
      });
    }
    return [x.toArray() as number[], (first as Tensor).item()];
  };

  it("finds the valley's end, by the path that PyTorch takes", () => {
    const [x, loss] = run("strong_wolfe", 4);
    expect(x).toEqual([expect.closeTo(0.9999814210791366, 12), expect.closeTo(0.9999619651810989, 12)]);
    expect(loss).toBeCloseTo(4.2214575e-10, 15);
  });

  it("goes down with fixed steps too", () => {
    expect(run(null, 3)[1]).toBeLessThan(4.2);
  });

  it("is back where it was when a closure throws during a line search", () => {
    const x = leaf(3, -2);
    const optimizer = new LBFGS([x], { lineSearchFn: "strong_wolfe" });
    let calls = 0;
    const closure = (): Tensor => {
      if (++calls === 2) throw new Error("no memory");
      const loss = x.square().sum();
      loss.backward();
      return loss;
    };
    expect(() => optimizer.step(closure)).toThrow("no memory");
    expect(x.toArray()).toEqual([3, -2]);
  });

  it("needs a closure and one group", () => {
    expect(() => new LBFGS([leaf(1)]).step()).toThrow(/step needs a closure/);
    expect(() => new LBFGS([{ params: [leaf(1)] }, { params: [leaf(2)] }])).toThrow(
      /takes one group of parameters, got 2/,
    );
    expect(() => new LBFGS([leaf(1)], { lineSearchFn: "wolfe" as never })).toThrow(/unknown lineSearchFn "wolfe"/);
  });
});

describe("parameter groups", () => {
  it("have options of their own and take the rest from the defaults", () => {
    const [x, y] = [leaf(1), leaf(1)];
    const optimizer = new SGD([{ params: [x] }, { params: y, lr: 1 }], { lr: 0.1, momentum: 0.9 });
    expect(optimizer.paramGroups.map(({ lr, momentum }) => [lr, momentum])).toEqual([
      [0.1, 0.9],
      [1, 0.9],
    ]);
    x.grad = tensor([1]).to("float32");
    y.grad = tensor([1]).to("float32");
    optimizer.step();
    expect([x.item(), y.item()]).toEqual([expect.closeTo(0.9, 6), 0]);
  });

  it("grow later", () => {
    const optimizer = new Adam([leaf(1)]);
    optimizer.addParamGroup({ params: [leaf(2)], lr: 1 });
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([1e-3, 1]);
  });

  it("refuse options by their names in Python, and keep what optimizers do not know, as PyTorch does", () => {
    const group = (options: object) => [{ params: [leaf(1)], ...options }];
    expect(() => new AdamW(group({ weight_decay: 0 }), { weightDecay: 0.5 })).toThrow(
      "AdamW: a group has weight_decay. Call it weightDecay",
    );
    expect(() => new Adam([leaf(1)]).addParamGroup({ params: leaf(2), weight_decay: 1 })).toThrow(/weightDecay/);
    const [first] = new SGD(group({ name: "first", momentum: 0.5 }), 0.1).paramGroups;
    expect(new SGD([first!], 1).paramGroups[0]).toMatchObject({ name: "first", momentum: 0.5, lr: 0.1 });
  });

  it("refuse what cannot be optimized", () => {
    const x = leaf(1);
    expect(() => new SGD(randn(2, 2), 0.1)).toThrow("SGD: takes a list of parameters, got one tensor. Pass [x]");
    expect(() => new SGD([], 0.1)).toThrow("SGD: got an empty list of parameters. Pass model.parameters()");
    expect(() => new SGD([x, x], 0.1)).toThrow(/twice/);
    expect(() => new SGD([x.mul(2)], 0.1)).toThrow(/the result of an op\. Optimize leaves only/);
    expect(() => new SGD(["x"] as never, 0.1)).toThrow("SGD: takes tensors, or groups { params, … }, got a string");
    expect(() => new SGD([x], { lr: -1 })).toThrow("SGD: lr must be at least 0, got -1");
    expect(() => new SGD([x], {} as never)).toThrow(/needs a learning rate/);
    expect(() => new SGD([x], { lr: 1, nesterov: true })).toThrow(/nesterov needs a momentum/);
    expect(() => new Adam([x], { betas: [1, 0.9] })).toThrow(/betas must be two numbers in \[0, 1\)/);
    expect(() => new Adam([x], { beta: 1 } as never)).toThrow(/unknown option "beta"/);
  });
});

describe("state dicts", () => {
  it("have PyTorch's structure and names", () => {
    const x = leaf(1, 2);
    const optimizer = new Adam([x], { weightDecay: 0.1 });
    stepWith(optimizer, x, 1, 1);
    const { state, param_groups: groups } = optimizer.stateDict();
    expect(Object.keys(state["0"]!).sort()).toEqual(["exp_avg", "exp_avg_sq", "step"]);
    expect(groups).toEqual([
      expect.objectContaining({ lr: 1e-3, weight_decay: 0.1, betas: [0.9, 0.999], params: [0] }),
    ]);
  });

  it("of others may hold options that the optimizer does not have", () => {
    const optimizer = new SGD([leaf(1)], 0.1);
    const { state, param_groups: groups } = optimizer.stateDict();
    optimizer.loadStateDict({ state, param_groups: [{ ...groups[0]!, foreach: null, fused: null, lr: 0.5 }] });
    expect(optimizer.paramGroups[0]!.lr).toBe(0.5);
  });

  it("must match the groups", () => {
    const saved = new SGD([leaf(1)], 0.1).stateDict();
    expect(() => new SGD([leaf(1), leaf(2)], 0.1).loadStateDict(saved)).toThrow(
      /groups of \[1\] parameters, the optimizer of \[2\]/,
    );
  });
});

describe("optimizers of one's own", () => {
  it("state the update of one parameter", () => {
    class SignSGD extends Optimizer {
      constructor(params: Tensor[], lr: number) {
        super(params, { lr });
      }
      protected override update(param: Tensor, grad: Tensor, _state: unknown, { lr }: ParamGroup): void {
        param.sub_(grad.sign(), { alpha: lr });
      }
    }
    const x = leaf(1, 1);
    expect(stepWith(new SignSGD([x], 0.5), x, 7, -0.1)).toEqual([0.5, 1.5]);
  });

  it("keep what they remember, whoever made it", () => {
    class Momentum extends Optimizer {
      constructor(params: Tensor[], lr: number) {
        super(params, { lr });
      }
      protected override update(param: Tensor, grad: Tensor, state: ParamState, { lr }: ParamGroup): void {
        const before = state["buffer"] as Tensor | undefined;
        state["buffer"] = before ? before.mul(0.5).add(grad) : grad.clone();
        state["all"] = [...((state["all"] as Tensor[]) ?? []), grad.mul(2)];
        param.sub_(state["buffer"], { alpha: lr });
      }
    }
    const x = leaf(1, 1);
    const optimizer = new Momentum([x], 1);
    for (let step = 0; step < 3; step++) stepWith(optimizer, x, 1, 2);
    expect(x.toArray()).toEqual([1 - 1 - 1.5 - 1.75, 1 - 2 - 3 - 3.5]);
    expect((optimizer.state.get(x)!["all"] as Tensor[]).map((all) => all.toArray())).toEqual(Array(3).fill([2, 4]));
  });

  it("take undefined in a group for what was left out", () => {
    const x = leaf(1, 1);
    expect(stepWith(new SGD([{ params: [x], lr: undefined }], { lr: 0.5 }), x, 1, 2)).toEqual([0.5, 0]);
    expect(new Adam([{ params: [leaf(1)], betas: undefined }]).paramGroups[0]!["betas"]).toEqual([0.9, 0.999]);
  });

  it("may override step", () => {
    class Reset extends Optimizer {
      override step(): null {
        for (const { params } of this.paramGroups) for (const param of params) param.detach().zero_();
        return null;
      }
    }
    const x = leaf(1, 2);
    new Reset([x], {}).step();
    expect(x.toArray()).toEqual([0, 0]);
    class Nothing extends Optimizer {}
    expect(() => stepWith(new Nothing([x], { lr: 1 }), x, 1, 1)).toThrow(/neither update, updateGroup nor step/);
  });

  it("take a function or nothing", () => {
    const x = leaf(1);
    expect(() => new SGD([x], 0.1).step(x.sum() as never)).toThrow("SGD: step takes a function that computes the loss");
  });

  it("hand the closure's result on", () => {
    const x = leaf(2);
    const optimizer = new SGD([x], 0.1);
    const loss = optimizer.step(() => {
      optimizer.zeroGrad();
      const value = x.square().sum();
      value.backward();
      return value;
    });
    expect((loss as Tensor).item()).toBe(4);
    expect(x.item()).toBeCloseTo(1.6, 6);
  });
});

it("gradients are dropped, or zeroed", () => {
  const x = leaf(1);
  const optimizer = new SGD([x], 0.1);
  x.grad = randn(1);
  optimizer.zeroGrad({ setToNone: false });
  expect(x.grad!.item()).toBe(0);
  optimizer.zeroGrad();
  expect(x.grad).toBeNull();
});

it("prints as PyTorch's, with the options that there are", () => {
  const groups = [{ params: [leaf(1)], lr: 1e-3 }, { params: [leaf(2)] }];
  const shared = "    maximize: False\n    weight_decay: 0.01\n";
  const group = (i: number, lr: string): string =>
    `\nParameter Group ${i}\n    amsgrad: False\n    betas: (0.9, 0.999)\n    eps: 1e-08\n    lr: ${lr}\n${shared}`;
  expect(String(new AdamW(groups, { lr: 0.01 }))).toBe(`AdamW (${group(0, "0.001")}${group(1, "0.01")})`);
});
