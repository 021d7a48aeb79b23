/** What reaches the device: launches, buffers, pipelines. Software adapters cannot rank kernels; counts can be trusted. */
import { Pressure, type UpdateRule, type View } from "@dl/tensor";
import { updateCases } from "@dl/tensor/testing";
import { expect, test } from "vitest";
import type { Profile } from "../src/profile.ts";
import { callOf, close, floats, map, noise, raw, read, run, upload, viewOn } from "./both.ts";
import { onDevice, webgpu } from "./device.ts";

/** What `body` adds to the counts. */
async function cost(body: () => unknown): Promise<Profile> {
  const before = webgpu.profile;
  await body();
  const after = webgpu.profile;
  return Object.fromEntries(
    Object.entries(after).map(([key, value]) => [key, value - before[key as keyof Profile]]),
  ) as never;
}

const into = (op: "add" | "mul" | "copy", inputs: (View | number)[], target: View): void =>
  webgpu.runInto(callOf(op, inputs, {}, [{ shape: target.shape, dtype: target.dtype }]), target);

const free = (...views: View[]): void => {
  for (const { storage } of views) {
    storage.retain();
    storage.release();
  }
};

onDevice("errors", () => {
  test("a number that does not fit leaves nothing held", () => {
    const { bytes } = webgpu.memory();
    const x = upload({ dtype: "int64", data: [1, 2], shape: [2] });
    expect(() => map("add", x, 2 ** 40)).toThrow("keeps int64 in 32 bits");
    free(x);
    expect(webgpu.memory().bytes).toBe(bytes);
  });
});

onDevice("fusion", () => {
  test("a chain is one launch, when it is read", async () => {
    const [x, y] = [floats(noise(1000)), floats(noise(1000, 2))];
    let z!: View;
    const remembered = await cost(() => {
      z = map("relu", map("add", map("mul", x, y), 1));
    });
    expect(remembered).toMatchObject({ dispatches: 0, buffers: 0 });
    const launched = await cost(() => read(z));
    expect(launched).toMatchObject({ dispatches: 1, submits: 1 });
    const again = await cost(() => read(z));
    expect(again.dispatches).toBe(0);
  });

  test("what is never needed is never computed", async () => {
    const x = floats(noise(10));
    const cost_ = await cost(() => void map("exp", x));
    expect(cost_.dispatches).toBe(0);
  });

  test("a reduction and an optimizer's step compute the formulas that they read", async () => {
    const x = floats(noise(100));
    const loss = await cost(() =>
      read(run("sum", [map("square", x)], { dims: [0], keepdim: false }, { shape: [], dtype: "float32" })[0]!),
    );
    expect(loss.dispatches).toBe(1);
    const step = await cost(() =>
      webgpu.update({ rule: "sgd", targets: [[x]], gradients: [map("mul", x, 0.5)], attrs: { lr: 0.1 } }),
    );
    expect(step.dispatches).toBe(2); // the gradient is a formula of the parameter, which is copied away before
    const y = floats(noise(100));
    expect(
      (
        await cost(() =>
          webgpu.update({ rule: "sgd", targets: [[x]], gradients: [map("mul", y, 0.5)], attrs: { lr: 0.1 } }),
        )
      ).dispatches,
    ).toBe(1);
  });

  test("the second reader finds it in memory", async () => {
    const x = floats([1, 2, 3]);
    const e = map("exp", x);
    const counts = await cost(async () => {
      await read(map("mul", e, 2)); // computes e inside
      await read(map("mul", e, 3)); // computes e, then this
      await read(map("mul", e, 4));
    });
    expect(counts.dispatches).toBe(4);
  });

  test("a repeated operand is computed once", async () => {
    const x = floats([1, 2, 3]);
    const y = map("add", x, 1);
    expect(await read(map("mul", y, y))).toEqual([4, 9, 16]);
  });

  test("a broadcast value is computed before it is repeated", async () => {
    const row = map("add", floats([1, 2, 3]), 1);
    const wide: View = { ...row, shape: [4, 3], strides: [0, 1] };
    const counts = await cost(() => read(map("mul", wide, 2)));
    expect(counts.dispatches).toBe(2);
  });

  test("views of formulas: transposed, reversed, sliced", async () => {
    const m = map("mul", floats([1, 2, 3, 4, 5, 6], [2, 3]), 10);
    const turned: View = { ...m, shape: [3, 2], strides: [1, 3] };
    expect(await read(map("add", turned, 1))).toEqual([11, 41, 21, 51, 31, 61]);
    const n = map("mul", floats([1, 2, 3, 4]), 10);
    expect(await read(map("add", { ...n, shape: [2], strides: [-2], offset: 3 }, 1))).toEqual([41, 21]);
  });

  test("wide and long formulas are cut, not refused", async () => {
    const parts = Array.from({ length: 40 }, (_, i) => floats([i, 1]));
    const total = parts.reduce((sum, part) => map("add", sum, part));
    expect(await read(total)).toEqual([780, 40]);
    let x = floats([0]);
    for (let i = 0; i < 200; i++) x = map("add", x, 1);
    const counts = await cost(async () => expect(await read(x)).toEqual([200]));
    expect(counts.dispatches).toBeLessThan(10);
  });

  test("trees of shared parts never bind more buffers than there are", async () => {
    const p = floats([2, 3]);
    const parts = (["exp", "sin", "cos", "tanh", "sqrt", "square", "neg", "abs", "sigmoid"] as const).map((op) =>
      map(op, p),
    );
    const sum = parts.reduce((a, b) => map("add", a, b));
    const expected = [2, 3].map(
      (x) => Math.exp(x) + Math.sin(x) + Math.cos(x) + Math.tanh(x) + Math.sqrt(x) + x * x + 1 / (1 + Math.exp(-x)),
    );
    for (const part of parts) await read(part);
    expect(await read(sum)).toEqual(expected.map((value) => expect.closeTo(value, 4) as number));
  });
});

onDevice("pipelines", () => {
  test("shapes, numbers and offsets share one", async () => {
    const sizes = [3, 50, 700];
    const make = (n: number): Promise<number[]> => read(map("hypot", floats(noise(n)), n));
    await make(10);
    const counts = await cost(async () => {
      for (const n of sizes) await make(n);
    });
    expect(counts).toMatchObject({ pipelines: 0, dispatches: 3 });
  });

  test("a steady loop makes no buffers, pipelines or bind groups", async () => {
    await new Pressure(() => 0).collect(); // what other tests forgot must not come back in the middle of this one
    const w = floats(noise(64));
    const step = async (): Promise<void> => {
      const x = floats(noise(64));
      const y = map("mul", w, x);
      const [s] = run("sum", [y], { dims: [0], keepdim: false }, { shape: [], dtype: "float32" });
      await read(s!);
      free(x, y, s!);
    };
    for (let i = 0; i < 5; i++) await step();
    const watch = async (): Promise<void> => {
      const before = webgpu.memory();
      const counts = await cost(async () => {
        for (let i = 0; i < 20; i++) await step();
      });
      const after = webgpu.memory();
      // The collector may still come in the middle.
      if (after.buffers < before.buffers) return watch();
      expect(counts).toMatchObject({ buffers: 0, pipelines: 0, bindGroups: 0 });
      expect(after).toEqual(before);
    };
    await watch();
  });

  test("many launches are few submits", async () => {
    const x = floats([1]);
    const counts = await cost(() => {
      for (let i = 0; i < 200; i++) run("sum", [x], { dims: [0], keepdim: false }, { shape: [], dtype: "float32" });
    });
    expect(counts.dispatches).toBe(200);
    expect(counts.submits).toBeLessThanOrEqual(4);
  });

  test("more than 65 535 workgroups", async () => {
    const length = 65_535 * 64 + 1000;
    const [x] = run(
      "arange",
      [],
      { shape: [length], dtype: "int32", start: 0, step: 1 },
      { shape: [length], dtype: "int32" },
    );
    const doubled = map("mul", x!, 2);
    const tail: View = { ...doubled, shape: [3], strides: [1], offset: length - 3 };
    expect(await read(tail)).toEqual([2 * length - 6, 2 * length - 4, 2 * length - 2]);
    const [sum] = run("amax", [doubled], { dims: [0], keepdim: false }, { shape: [], dtype: "int32" });
    expect(await read(sum!)).toEqual([2 * length - 2]);
    free(x!, doubled, sum!);
    webgpu.trim();
  });
});

onDevice("writing in place", () => {
  test("formulas keep the values that they were made with", async () => {
    const x = floats([1, 2, 3]);
    const before = map("mul", x, 10);
    into("add", [x, 5], x);
    expect(await read(x)).toEqual([6, 7, 8]);
    expect(await read(before)).toEqual([10, 20, 30]);
  });

  test("a chain in place is one launch into the memory there is", async () => {
    const x = floats([1, 2, 3]);
    const y = floats([1, 1, 1]);
    const counts = await cost(async () => {
      into("mul", [x, 3], x);
      into("add", [x, y], x);
      expect(await read(x)).toEqual([4, 7, 10]);
    });
    expect(counts).toMatchObject({ dispatches: 1 });
  });

  test("a part: its neighbours stay, earlier formulas of the whole do not see it", async () => {
    const x = floats([1, 2, 3, 4]);
    const shifted = map("mul", { ...x, shape: [3], offset: 1 }, 10);
    const part: View = { ...x, shape: [3], offset: 0 };
    into("add", [part, shifted], part);
    expect(await read(x)).toEqual([21, 32, 43, 4]);
    expect(await read(shifted)).toEqual([20, 30, 40]);
  });

  test("a part of a formula, by a scattered window", async () => {
    const x = map("add", floats([0, 0, 0, 0, 0, 0], [2, 3]), 1);
    const column: View = { ...x, shape: [2], strides: [-3], offset: 4 };
    into("copy", [floats([7, 8])], column);
    expect(await read(x)).toEqual([1, 8, 1, 1, 7, 1]);
  });

  test("kernels that are not element-wise, over their own input", async () => {
    const x = floats([1, 2, 3, 4]);
    webgpu.runInto(callOf("cumsum", [x], { dim: 0 }, [{ shape: [4], dtype: "float32" }]), x);
    expect(await read(x)).toEqual([1, 3, 6, 10]);
  });

  test("a copy is apart from its source", async () => {
    const x = floats([1, 2]);
    const copy = map("copy", x);
    into("add", [copy, 1], copy);
    into("mul", [x, 0], x);
    expect(await read(copy)).toEqual([2, 3]);
    expect(await read(x)).toEqual([0, 0]);
  });

  test("memory that waiting commands read is not overwritten by an upload", async () => {
    const x = floats([1, 2]);
    const [sum] = run("sum", [x], { dims: [0], keepdim: false }, { shape: [], dtype: "float32" }); // waits in the encoder
    free(x);
    floats([100, 200]);
    expect(await read(sum!)).toEqual([3]);
  });
});

onDevice("optimizer steps", () => {
  test.each(Object.keys(updateCases) as UpdateRule[])("%s steps as documented", async (rule) => {
    const { attrs: cases, states, step } = updateCases[rule];
    for (const attrs of cases) {
      const lists = Array.from({ length: 1 + states(attrs) }, (_, k) =>
        [3, 200].map((n) => noise(n, k + 1).map((value) => 0.6 + value / 2)),
      );
      const gradients = [3, 200].map((n) => noise(n, 9));
      const targets = lists.map((list) => list.map((values) => floats(values)));
      expect(webgpu.update({ rule, targets, gradients: gradients.map((values) => floats(values)), attrs })).toBe(true);
      for (const [p, gradient] of gradients.entries()) {
        const wanted = gradient.map((g, i) => {
          const [parameter, ...remembered] = lists.map((list) => list[p]![i]!);
          return step(parameter!, g, remembered, attrs);
        });
        for (const [k, target] of targets.entries()) {
          close(
            await read(target[p]!),
            wanted.map((values) => values[k]!),
            2e-5,
            2e-6,
            JSON.stringify(attrs),
          );
        }
      }
      free(...targets.flat());
    }
  });

  test("other dtypes and windows are declined, untouched", async () => {
    const half = upload({ dtype: "float16", data: [1], shape: [1] });
    expect(webgpu.update({ rule: "sgd", targets: [[half]], gradients: [half], attrs: { lr: 1 } })).toBe(false);
    const x = floats([1, 2]);
    const part: View = { ...x, shape: [1] };
    expect(webgpu.update({ rule: "sgd", targets: [[part]], gradients: [part], attrs: { lr: 1 } })).toBe(false);
    expect(await read(x)).toEqual([1, 2]);
  });
});

onDevice("reading and memory", () => {
  test("windows come row-major", async () => {
    const x = floats([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(await read({ ...x, shape: [3, 2], strides: [1, 3] })).toEqual([1, 4, 2, 5, 3, 6]);
    expect(await read({ ...x, shape: [3], strides: [-1], offset: 5 })).toEqual([6, 5, 4]);
    expect(await read({ ...x, shape: [2], strides: [1], offset: 2 })).toEqual([3, 4]);
    expect(await read({ ...x, shape: [0], strides: [1] })).toEqual([]);
  });

  test("every dtype survives the journey", async () => {
    const data = [0, 1, 100, 127];
    for (const dtype of webgpu.dtypes) {
      const values = dtype === "bool" ? [0, 1, 1, 0] : data;
      expect(await webgpu.read(upload({ dtype, data: values, shape: [4] }))).toEqual(raw(values, dtype));
    }
    const negative = raw([-1, -(2 ** 31), 2 ** 31 - 1], "int64");
    expect(await webgpu.read(viewOn(webgpu.upload(negative, "int64"), { shape: [3] }))).toEqual(negative);
  });

  test("what does not fit is refused with the remedy", () => {
    expect(() => webgpu.upload(raw([2 ** 31], "int64"), "int64")).toThrow("keeps int64 in 32 bits");
    expect(() => webgpu.upload(raw([1], "float64"), "float64")).toThrow("float64 is not supported");
    expect(() =>
      webgpu.run(callOf("full", [], { shape: [1], dtype: "float64", value: 0 }, [{ shape: [1], dtype: "float64" }])),
    ).toThrow('Use dtype "float32"');
    expect(() => webgpu.run({ ...callOf("neg", [floats([1])], {}, []), op: "fft" as "neg" } as never)).toThrow(
      "fft: the webgpu backend has no kernel for it",
    );
  });

  test("freed storages go back to the pool, also out of formulas", async () => {
    const start = webgpu.memory();
    const x = floats(noise(100_000));
    const y = map("mul", x, 2);
    expect(webgpu.memory().buffers).toBe(start.buffers + 2);
    free(x);
    expect(webgpu.memory().bytes).toBeGreaterThan(start.bytes); // y still is a formula of x
    free(y);
    expect(webgpu.memory()).toMatchObject({ bytes: start.bytes, buffers: start.buffers });
    webgpu.trim();
    expect(webgpu.memory().reserved).toBe(webgpu.memory().bytes);
  });
});
