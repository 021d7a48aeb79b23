import "@dl/autograd";
import "@dl/backend-cpu";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { run, runFamily, summarize } from "../src/run.ts";

/** float32 little-endian elements. */
function float32(values: readonly number[], shape: readonly number[] = [values.length]): object {
  return { dtype: "float32", shape, b64: Buffer.from(Float32Array.from(values).buffer).toString("base64") };
}

const add = {
  id: "add/0",
  call: "torch.add",
  dtype: "float32",
  tensors: [float32([1, 2]), float32([10, 20]), float32([11, 22])],
  args: [{ $t: 0 }, { $t: 1 }],
  kwargs: {},
  out: { $t: 2 },
};

async function statusOf(family: string, record: object): Promise<[status: string, reason: string]> {
  const [outcome] = await runFamily(family, [record as never], "cpu");
  return [outcome!.status, outcome!.reason];
}

const withOut = (out: object): object => ({ ...add, tensors: [add.tensors[0], add.tensors[1], out] });

test("a record that is met passes", async () => {
  expect(await statusOf("ops", add)).toEqual(["passed", ""]);
});

test.each([
  ["a wrong value", withOut(float32([11, 23])), "1 of 2 elements differ, the first at 1: 22, expected 23"],
  ["a value just outside the tolerance", withOut(float32([11.0003, 22])), "elements differ"],
  ["NaN instead of a number", withOut(float32([Number.NaN, 22])), "expected NaN"],
  ["an infinity instead of a number", withOut(float32([Number.POSITIVE_INFINITY, 22])), "expected Infinity"],
  ["a wrong shape", withOut(float32([11, 22], [1, 2])), "has shape [2], expected [1,2]"],
  ["a wrong dtype", withOut({ ...float32([11, 22]), dtype: "int32" }), "is float32, expected int32"],
  ["too few values", { ...add, out: { tuple: [{ $t: 2 }, { $t: 2 }] } }, "expected 2 values"],
  ["another argument's value", { ...add, mutates: [{ input: { $t: 0 }, after: { $t: 1 } }] }, "argument 0 afterwards"],
])("%s fails", async (_, record, reason) => {
  const [status, why] = await statusOf("ops", record);
  expect(status).toBe("failed");
  expect(why).toContain(reason);
});

test("a value within the tolerance passes, one recorded as unstable does not count", async () => {
  expect(await statusOf("ops", withOut(float32([11.00005, 22])))).toEqual(["passed", ""]);
  expect(await statusOf("ops", { ...withOut(float32([0, 0])), unstable: ["out"] })).toEqual(["passed", ""]);
});

test("a function that is not there is unsupported, and so is a dtype", async () => {
  expect(await statusOf("ops", { ...add, call: "torch.no_such_function" })).toEqual([
    "unsupported",
    "torch.no_such_function",
  ]);
  const complex = { ...add, tensors: [{ ...float32([1, 2]), dtype: "complex64" }, ...add.tensors.slice(1)] };
  expect(await statusOf("ops", complex)).toEqual(["unsupported", "dtype complex64"]);
  expect((await statusOf("no such family", add))[0]).toBe("unsupported");
});

test("keywords reach the function under its own names", async () => {
  expect(await statusOf("ops", { ...withOut(float32([21, 42])), kwargs: { alpha: 2 } })).toEqual(["passed", ""]);
  const [status, why] = await statusOf("ops", { ...add, kwargs: { no_such_option: 2 } });
  expect(status).toBe("failed");
  expect(why).toContain("noSuchOption");
});

test("a call that must throw fails when it does not, and an accident is no refusal", async () => {
  const wrong = { ...add, error: { type: "RuntimeError", message: "" } };
  const [status, why] = await statusOf("errors", wrong);
  expect([status, why]).toEqual(["failed", "error: nothing was thrown, it gave a float32 tensor of [2]"]);
  const shapes = { ...wrong, tensors: [float32([1, 2]), float32([1, 2, 3])] };
  expect(await statusOf("errors", shapes)).toEqual(["passed", ""]);
  const accident = { ...wrong, call: "Tensor.add", args: [null] };
  expect((await statusOf("errors", accident))[0]).toBe("failed");
});

test("gradients are compared", async () => {
  const leaf = { ...float32([1, 2]), requires_grad: true };
  const square = {
    ...add,
    call: "torch.square",
    args: [{ $t: 0 }],
    tensors: [leaf, float32([1, 4]), float32([1, 1]), float32([2, 4])],
    out: { $t: 1 },
    grad: { cotangents: [{ $t: 2 }], wrt: [0], grads: [{ $t: 3 }] },
  };
  expect(await statusOf("ops", square)).toEqual(["passed", ""]);
  const wrong = { ...square, tensors: [...square.tensors.slice(0, 3), float32([2, 5])] };
  const [status, why] = await statusOf("ops", wrong);
  expect(status).toBe("failed");
  expect(why).toContain("grad[0]: 1 of 2 elements differ");
});

test("text is compared to the character", async () => {
  const print = { id: "print/0", tensors: [float32([1, 2])], tensor: { $t: 0 }, repr: "tensor([1., 2.])" };
  expect(await statusOf("print", print)).toEqual(["passed", ""]);
  expect((await statusOf("print", { ...print, repr: "tensor([1., 2.]) " }))[0]).toBe("failed");
});

test("an expression may name a part of a result", async () => {
  const spec = { ...float32([3, 1]), requires_grad: false };
  const sorted = {
    id: "print/1",
    tensors: [float32([1, 3]), spec],
    tensor: { $t: 0 },
    expr: "x.sort().values",
    x: { $t: 1 },
    repr: "tensor([1., 3.], grad_fn=<SortBackward0>)",
  };
  expect(await statusOf("print", sorted)).toEqual(["passed", ""]);
});

test("a folder is run by family, and what it lacks is said", async () => {
  const folder = mkdtempSync(join(tmpdir(), "golden-"));
  try {
    await expect(run({ golden: folder })).rejects.toThrow("has no index.json");
    writeFileSync(join(folder, "index.json"), JSON.stringify({ families: { ops: 2 } }));
    const broken = { ...withOut(float32([0, 0])), id: "add/1" };
    writeFileSync(join(folder, "ops.jsonl.gz"), gzipSync(`${JSON.stringify(add)}\n${JSON.stringify(broken)}\n`));
    expect(summarize(await run({ golden: folder }))).toEqual({
      ops: { passed: 1, failed: 1, unsupported: 0, failedIds: ["add/1"], unsupportedIds: [] },
    });
    await expect(run({ golden: folder, families: ["optim"] })).rejects.toThrow('no family "optim"');
    await expect(run({ golden: folder, device: "abacus" })).rejects.toThrow('no device "abacus"');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
