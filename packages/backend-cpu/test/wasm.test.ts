import { setFlagsFromString } from "node:v8";
import { describe, expect, test } from "vitest";
import { Engine } from "../src/runtime/engine.ts";
import type { Features } from "../src/runtime/features.ts";
import { Memory } from "../src/runtime/memory.ts";
import {
  call,
  type Expr,
  extract,
  f32,
  f64,
  i32,
  i64,
  load,
  loadAddress,
  loadLane,
  Module,
  op,
  replace,
  select,
  shuffle,
  splat,
  v128,
  when,
} from "../src/wasm/emitter.ts";
import { extractOps, laneLoadOps, laneStoreOps, loadOps, replaceOps, storeOps } from "../src/wasm/opcodes-memory.ts";
import { instructionNames, signatureOf } from "../src/wasm/values.ts";

const engine = new Engine(new Memory());
const { heap } = engine.memory;
let count = 0;

type Anything = (...args: number[]) => unknown;

/** The exports of a throw-away module. */
function build(write: (m: Module) => void): Record<string, Anything> {
  return engine.module(`test:${count++}`, write) as Record<string, Anything>;
}

/** What one expression without inputs gives. */
function evaluate(value: Expr): unknown {
  return build((m) => m.func("f", [], () => value))["f"]!();
}

const zero = { i32: i32(0), i64: i64(0), f32: f32(0), f64: f64(0), v128: splat("i32x4", 0) };

function isValid(value: Expr): boolean {
  const m = new Module({ shared: true, relaxed: true });
  m.func("f", [], () => value);
  return WebAssembly.validate(m.bytes());
}

describe("opcode tables", () => {
  test("every instruction has the signature that the engine expects", () => {
    const wrong = instructionNames.filter((name) => {
      const operands = signatureOf(name).operands.map((type) => zero[type]);
      return !isValid(op(name, ...(operands as never)));
    });
    expect(wrong).toEqual([]);
    expect(instructionNames.length).toBeGreaterThan(200);
  });

  test("loads, stores and lanes are valid in every width", () => {
    for (const name of Object.keys(loadOps)) expect(isValid(load(name as never, 8, 300)), name).toBe(true);
    for (const name of Object.keys(extractOps)) expect(isValid(extract(name as never, zero.v128, 1)), name).toBe(true);
    for (const name of Object.keys(laneLoadOps))
      expect(isValid(loadLane(name as never, 8, zero.v128, 1)), name).toBe(true);
    for (const [name, [, type]] of Object.entries(replaceOps)) {
      expect(isValid(replace(name as never, zero.v128, 1, zero[type] as never)), name).toBe(true);
    }
    const m = new Module({ shared: true, relaxed: false });
    m.func("f", [], (f) => {
      for (const [name, [, , type]] of Object.entries(storeOps)) f.store(name as never, 8, zero[type] as never, 4);
      for (const name of Object.keys(laneStoreOps)) f.storeLane(name as never, 8, zero.v128, 1);
    });
    expect(WebAssembly.validate(m.bytes())).toBe(true);
  });
});

describe("values", () => {
  test("constants survive their encoding", () => {
    for (const x of [0, 1, -1, 63, 64, -64, -65, 127, 128, 2 ** 31 - 1, -(2 ** 31)]) expect(evaluate(i32(x))).toBe(x);
    for (const x of [0n, -1n, 63n, 64n, -65n, 2n ** 63n - 1n, -(2n ** 63n)]) expect(evaluate(i64(x))).toBe(x);
    expect(evaluate(f32(0.1))).toBe(Math.fround(0.1));
    expect(evaluate(f64(0.1))).toBe(0.1);
    expect(evaluate(f64(Number.NaN))).toBeNaN();
  });

  test("numbers take the type and lane shape that the instruction wants", () => {
    expect(evaluate(op("i32.add", 2, 3))).toBe(5);
    expect(evaluate(op("f64.div", 1, 4))).toBe(0.25);
    expect(evaluate(extract("f32x4.extract_lane", op("f32x4.mul", 1.5, 2), 3))).toBe(3);
    expect(evaluate(extract("i64x2.extract_lane", op("i64x2.add", 1, 2), 1))).toBe(3n);
    expect(() => evaluate(op("v128.and", 1, 2))).toThrow("splat(shape, x)");
  });

  test("a value of the wrong type is refused while the module is written", () => {
    expect(() => evaluate(op("i32.add", f32(1) as never, 2))).toThrow("i32.add: needs i32, got f32");
  });

  test("shuffle picks by lane, replace and extract by index", () => {
    const a = v128(new Float32Array([1, 2, 3, 4]));
    const b = v128(new Float32Array([5, 6, 7, 8]));
    const mixed = shuffle(a, b, [0, 4, 1, 5]);
    expect([0, 1, 2, 3].map((i) => evaluate(extract("f32x4.extract_lane", mixed, i)))).toEqual([1, 5, 2, 6]);
    expect(evaluate(extract("f32x4.extract_lane", replace("f32x4.replace_lane", a, 2, 9), 2))).toBe(9);
  });

  test("select computes both sides, when only one", () => {
    const trap = op("i32.div_s", 1, 0);
    expect(evaluate(when(1, i32(7), trap))).toBe(7);
    expect(evaluate(select(0, i32(7), 8))).toBe(8);
    expect(() => evaluate(select(1, i32(7), trap))).toThrow("divide by zero");
  });
});

describe("functions", () => {
  test("loops, branches and locals", () => {
    const { sumOfOdd } = build((m) => {
      m.func("sumOfOdd", ["n"], (f, { n }) => {
        const sum = f.local("i32");
        f.range(n, (i) => {
          f.block((next) => {
            f.brIf(next, op("i32.eqz", op("i32.and", i, 1)));
            f.inc(sum, i);
          });
        });
        return sum;
      });
    });
    expect(sumOfOdd!(10)).toBe(25);
  });

  test("if, else, early return, doWhile", () => {
    const { collatz, sign } = build((m) => {
      m.func("collatz", ["n"], (f, { n }) => {
        const steps = f.local("i32");
        f.doWhile(
          () => {
            f.inc(steps, 1);
            f.if(
              op("i32.and", n, 1),
              () => f.set(n, op("i32.add", op("i32.mul", n, 3), 1)),
              () => f.set(n, op("i32.shr_u", n, 1)),
            );
          },
          op("i32.ne", n, 1),
        );
        return steps;
      });
      m.func("sign", ["x:f64"], (f, { x }) => {
        f.if(op("f64.lt", x, 0), () => f.return(i32(-1)));
        f.if(op("f64.gt", x, 0), () => f.return(i32(1)));
        return i32(0);
      });
    });
    expect(collatz!(6)).toBe(8);
    expect([-2, 0, 3].map((x) => sign!(x))).toEqual([-1, 0, 1]);
  });

  test("inner functions, results, functions of Math", () => {
    const { hypotenuse } = build((m) => {
      const pow = m.importMath("pow", ["x:f64", "y:f64"]);
      const square = m.inner("square", ["x:f64"], (_, { x }) => call(pow, x, 2));
      m.func("hypotenuse", ["a:f64", "b:f64"], (_, { a, b }) =>
        op("f64.sqrt", op("f64.add", call(square, a), call(square, b))),
      );
    });
    expect(hypotenuse!(3, 4)).toBe(5);
    expect(() =>
      build((m) => {
        m.func("f", [], () => {});
        m.importMath("exp", ["x:f64"]);
      }),
    ).toThrow("Import it first");
  });

  test("memory: strided loads and stores, fill and copy", () => {
    const { at, bytes } = { at: engine.memory.allocate(256).address, bytes: heap.u8 };
    const { run } = build((m) => {
      m.func("run", ["p"], (f, { p }) => {
        f.fill(p, 7, 16);
        f.copy(op("i32.add", p, 100), p, 4);
        f.store("i32.store16", p, 0x1234, 2);
        f.storeLane("v128.store32_lane", p, splat("i32x4", -1), 3, 8);
        return load("i32.load16_u", p, 2);
      });
    });
    expect(run!(at)).toBe(0x1234);
    expect([...bytes.subarray(at, at + 16)]).toEqual([7, 7, 0x34, 0x12, 7, 7, 7, 7, 255, 255, 255, 255, 7, 7, 7, 7]);
    expect([...bytes.subarray(at + 100, at + 104)]).toEqual([7, 7, 7, 7]);
  });

  test("madd is right with and without relaxed SIMD", () => {
    for (const relaxed of [true, false]) {
      const other = new Engine(new Memory(), { simd: true, relaxedSimd: relaxed, joinedVectors: false });
      const { f } = other.module<"f">("madd", (m) => {
        m.func("f", ["x:f64"], (f, { x }) => {
          return extract("f64x2.extract_lane", f.madd("f64x2", op("f64x2.splat", x), 3, 4), 1);
        });
      });
      expect(f(2)).toBe(10);
    }
  });

  test("lanes are chosen by masks with and without relaxed SIMD", () => {
    for (const relaxed of [true, false]) {
      const other = new Engine(new Memory(), { simd: true, relaxedSimd: relaxed, joinedVectors: false });
      const { f } = other.module<"f">("choose", (m) => {
        m.func("f", ["x:f64"], (f, { x }) => {
          const [a, b] = [f.let(op("f64x2.splat", x)), f.let(op("f64x2.splat", 3))];
          return extract("f64x2.extract_lane", f.choose(a, b, op("f64x2.lt", a, b), 64), 1);
        });
      });
      expect([f(2), f(5)]).toEqual([2, 3]);
    }
  });

  test("a prepared module is taken as it is, by engines that it was written for", () => {
    const features = { simd: true, relaxedSimd: true, joinedVectors: false };
    const { options } = new Engine(new Memory(), features);
    const written = new Module(options);
    written.func("f", [], () => i32(1));
    const known = { options, bytes: (key: string) => (key === "one" ? written.bytes() : undefined) };
    const two = (m: Module) => void m.func("f", [], () => i32(2));
    const numbers = (own: Features, keys: readonly string[]) => {
      const taker = new Engine(new Memory(), own, known);
      return keys.map((key) => taker.module<"f">(key, two).f());
    };
    expect(numbers(features, ["one", "other", "one"])).toEqual([1, 2, 1]);
    expect(numbers({ ...features, relaxedSimd: false }, ["one", "other"])).toEqual([2, 2]);
  });

  test("an invalid module is refused with its key and the function's name", () => {
    expect(() => engine.module("broken", (m) => m.func("oops", [], (f) => f.drop({ type: "i32", emit() {} })))).toThrow(
      /broken was refused.*oops/,
    );
  });
});

describe("addresses of 64 bits", () => {
  const { memory, base } = wideMemory();
  const numbers = new Int32Array(memory.buffer, base, 16);

  function run(write: (m: Module) => void): Record<string, Anything> {
    const m = new Module({ shared: false, relaxed: false, wide: true });
    write(m);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(m.bytes()), { env: { memory } });
    return instance.exports as Record<string, Anything>;
  }

  test("are known from loads and stores, through sums, calls and choices", () => {
    const { copy } = run((m) => {
      const next = m.inner("next", ["from", "step"], (_, { from, step }) => {
        return when(step, op("i32.add", from, load("i32.load", from, 4)), from);
      });
      m.func("copy", ["from", "to", "count", "step"], (f, { from, to, count, step }) => {
        const end = f.let(op("i32.add", to, op("i32.mul", count, 4)));
        const rounds = f.local("i32");
        f.while(op("i32.lt_u", to, end), () => {
          f.store("i32.store", to, op("i32.mul", load("i32.load", from), count));
          f.set(from, call(next, from, step));
          f.inc(to, 4);
          f.inc(rounds, 1);
        });
        return op("i32.add", rounds, op("i32.div_u", op("i32.sub", end, to), 4));
      });
    });
    numbers.set([5, 8, 6, 8, 7, -16]);
    expect(copy!(base, base + 32, 3, 1)).toBe(3);
    expect([...numbers.subarray(8, 11)]).toEqual([15, 18, 21]);
    expect(copy!(base, base + 32, 2, 0)).toBe(2);
    expect([...numbers.subarray(8, 10)]).toEqual([10, 10]);
  });

  test("count as a whole where they are compared or are conditions", () => {
    const { first, isSame } = run((m) => {
      m.func("first", ["x", "y"], (f, { x, y }) => {
        f.if(x, () => f.return(load("i32.load", x)));
        return load("i32.load", select(op("i32.eqz", x), y, x));
      });
      m.func("isSame", ["x", "y"], (f, { x, y }) => {
        f.drop(load("i32.load", x));
        return op("i32.eq", x, y);
      });
    });
    numbers.set([1, 2]);
    expect(first!(base, base + 4)).toBe(1);
    expect(first!(0, base + 4)).toBe(2);
    expect([isSame!(base, base), isSame!(base, base % 2 ** 32 || 64)]).toEqual([1, Number(base < 2 ** 32)]);
  });

  test("take eight bytes where they are kept", () => {
    const { follow } = run((m) => m.func("follow", ["at"], (_, { at }) => load("i32.load", loadAddress(at, 8))));
    numbers.set([7, 0, base, base / 2 ** 32]);
    expect(follow!(base)).toBe(7);
  });
});

/** A memory with a place beyond 4 GiB or, in Node 20, which has wide memory behind a flag, beyond 2 GiB. */
function wideMemory(): { memory: WebAssembly.Memory; base: number } {
  const make = (descriptor: object) => new WebAssembly.Memory(descriptor as WebAssembly.MemoryDescriptor);
  try {
    return { memory: make({ initial: 65537n, maximum: 65537n, address: "i64" }), base: 2 ** 32 };
  } catch {
    setFlagsFromString("--experimental-wasm-memory64");
    return { memory: make({ initial: 32769, maximum: 32769, index: "i64" }), base: 2 ** 31 };
  }
}
