import "@dl/autograd";
import "@dl/backend-cpu";
import { ones, type Tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as nn from "../src/index.ts";
import { checkClasses } from "../src/uncopied.ts";

const { deepcopy } = nn;

class Secret extends nn.Module {
  #calls = 0;
  inner = new nn.Linear(1, 1);
  forward(x: Tensor): Tensor {
    this.#calls++;
    return this.inner(x);
  }
  get calls(): number {
    return this.#calls;
  }
}

class Open extends Secret {
  #own = [1];
  count = (): number[] => this.#own;
  override emptyCopy(): this {
    const copy = new Open();
    copy.#own = [...this.#own];
    return copy as this;
  }
}

class Holder extends nn.Module {
  held: unknown;
  constructor(held: unknown) {
    super();
    this.held = held;
  }
  forward(): void {}
}

class Counter {
  #count = 0;
  raise(): number {
    return ++this.#count;
  }
}

describe("private members", () => {
  it("are refused, with the name of the class", () => {
    expect(() => deepcopy(new nn.Sequential(new Secret()))).toThrow(
      "deepcopy: cannot copy 0, a Secret, whose class has private #members. Give the class a method emptyCopy(), or share",
    );
    expect(() => deepcopy(new Holder(new Counter()))).toThrow("cannot copy held, a Counter, whose class has private");
    class Derived extends Secret {}
    expect(() => deepcopy(new Derived())).toThrow("a Secret, whose class has private");
  });

  it("are refused in the form that older targets give them", () => {
    const __privateGet = (_: object, value: number): number => value;
    class Lowered extends nn.Module {
      forward(): number {
        return __privateGet(this, 3);
      }
    }
    expect(() => deepcopy(new Lowered())).toThrow("a Lowered, whose class has private #members");
  });

  it("are the class's own business where it makes the empty copy", () => {
    const original = new Open();
    original.training = false;
    original(ones(1, 1));
    const copy = deepcopy(original);
    expect([copy.training, copy.inner.weight.tolist()]).toEqual([false, original.inner.weight.tolist()]);
    expect([copy.calls, copy(ones(1, 1)).shape, copy.calls]).toEqual([0, [1, 1], 1]);
    copy.count().push(2);
    expect([original.count(), copy.count()]).toEqual([[1], [1, 2]]);
  });

  it("of a class that makes another's instances", () => {
    class Wrong extends nn.Module {
      override emptyCopy(): this {
        return new Holder(0) as never;
      }
      forward(): void {}
    }
    expect(() => deepcopy(new Wrong())).toThrow("emptyCopy() of the value made an object of another class");
  });
});

it("no layer has private members", () => {
  const classes = Object.values(nn).flatMap((one) =>
    typeof one === "function" ? [one as { prototype: unknown }] : [],
  );
  const layers = classes.flatMap(({ prototype }) => (prototype instanceof nn.Module ? [prototype] : []));
  expect(layers.length).toBeGreaterThan(100);
  for (const prototype of layers) checkClasses(Object.create(prototype), prototype.constructor.name);
});

describe("memo", () => {
  it("shares what it maps to itself", () => {
    const counter = new Counter();
    const copy = deepcopy(new Holder([counter]), new Map([[counter, counter]]));
    expect((copy.held as [Counter])[0]).toBe(counter);
  });

  it("tells the copies", () => {
    const memo = new Map<unknown, unknown>();
    const layer = new nn.Linear(1, 1);
    const copy = deepcopy(layer, memo);
    expect([memo.get(layer) === copy, memo.get(layer.weight) === copy.weight]).toEqual([true, true]);
  });
});

describe("functions", () => {
  it("are shared", () => {
    const act = (x: Tensor): Tensor => x.relu();
    expect(deepcopy(new Holder(act)).held).toBe(act);
    expect(deepcopy(new Holder({ act })).held).toEqual({ act });
  });

  it("are refused where they would compute with the original", () => {
    class Tied extends nn.Module {
      layer = new nn.Linear(1, 1);
      act = (x: Tensor): Tensor => this.layer(x);
      forward(x: Tensor): Tensor {
        return this.act(x);
      }
    }
    expect(() => deepcopy(new Tied())).toThrow(
      "deepcopy: act is an arrow function whose `this` would stay the original. Make it a method, or give the class",
    );
  });
});

it("instances of other classes are copied with their methods; those of the language are not", () => {
  class Point {
    at = [1, 2];
    sum(): number {
      return this.at[0]! + this.at[1]!;
    }
  }
  const copy = deepcopy(new Holder(new Point())).held as Point;
  expect([copy, copy.sum()]).toEqual([new Point(), 3]);
  expect(() => deepcopy(new Holder(Promise.resolve()))).toThrow("held, a Promise, which the language keeps closed");
});
