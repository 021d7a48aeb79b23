import "@dl/backend-cpu";
import { readFileSync } from "node:fs";
import { CheckpointError, fromPyTorch, load, loadCheckpoint } from "@dl/checkpoint";
import type { Tensor } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";

const fixture = (name: string): string => new URL(`fixtures/${name}`, import.meta.url).pathname;
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(fixture(name)));

for (const name of ["state_dict.pt", "state_dict_legacy.pt"]) {
  test(`${name}: a state dict gives what its safetensors give`, async () => {
    const [found, wanted] = [await load(fixture(name)), await load(fixture("state_dict.safetensors"))];
    expect(Object.keys(found)).toEqual(
      ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"].concat([
        "1.num_batches_tracked",
        "4.weight",
        "4.bias",
      ]),
    );
    for (const [key, tensor] of Object.entries(found)) {
      expect(tensor.dtype).toBe(wanted[key]!.dtype);
      expect(tensor.toArray()).toEqual(wanted[key]!.toArray());
    }
  });
}

for (const name of ["mixed.pt", "mixed_legacy.pt"]) {
  test(`${name}: tensors that shared memory share it again, views lie as they lay`, async () => {
    const mixed = await load(fixture(name));
    const { whole, transposed_view: transposed, shared_again: again } = mixed as Record<string, Tensor>;
    expect(again).toBe(whole);
    expect(transposed!.isContiguous()).toBe(false);
    expect(transposed!.t().toArray()).toEqual(whole!.toArray());
    whole!.zero_();
    expect(transposed!.sum().item()).toBe(0);
    expect(mixed["i64"]!.toArray()).toEqual([
      [1, -2],
      [9007199254740993n, -4611686018427387904n],
    ]);
  });
}

for (const name of ["checkpoint.pt", "checkpoint_legacy.pt"]) {
  test(`${name}: all that a training keeps`, async () => {
    const state = await loadCheckpoint<Record<string, unknown>>(fixture(name));
    expect(state).toMatchObject({
      epoch: 7,
      best: 0.125,
      name: "run-β",
      done: false,
      nothing: null,
      big: 2 ** 40,
      history: [0.5, 0.25, 0.125],
      pair: [1, "two"],
      optimizer: { state: { 0: {}, 1: {} }, param_groups: [{ lr: 0.01 }] },
    });
    await expect(load(fixture(name))).rejects.toThrow("holds more than tensors by name. Use loadCheckpoint");
  });
}

test("a tensor alone, and a parameter that asks for gradients", async () => {
  expect((await loadCheckpoint<Tensor>(fixture("bare_tensor.pt"))).shape).toEqual([2, 5]);
  const { p, buf } = await load(fixture("parameter.pt"));
  expect([p!.requiresGrad, buf!.requiresGrad]).toEqual([true, false]);
});

/** A pickle of protocol 2 as an old file of `torch.save` holds it, in the place of the value. */
function legacy(value: readonly (number | string)[]): Uint8Array {
  const raw = value.flatMap((part) => (typeof part === "number" ? [part] : [...new TextEncoder().encode(part)]));
  const head = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
  const version = [0x80, 2, 0x4d, 0xe9, 3, 0x2e];
  const machine = [0x80, 2, 0x7d, 0x58, 13, 0, 0, 0, ...new TextEncoder().encode("little_endian"), 0x88, 0x73, 0x2e];
  return new Uint8Array([...head, ...version, ...machine, 0x80, 2, ...raw, 0x2e, 0x80, 2, 0x5d, 0x2e]);
}

test("code is not run: what is no plain data is refused by its name", () => {
  const system = legacy(["cos\nsystem\n", 0x58, 2, 0, 0, 0, "ls", 0x85, 0x52]);
  expect(() => fromPyTorch(system, "evil.pt")).toThrow(
    "load: evil.pt holds an object of os.system, which is no plain data. It has to be an intact file of torch.save with plain data",
  );
  expect(() => fromPyTorch(legacy(["cbuiltins\neval\n"]))).toThrow("holds builtins.eval, which is no plain data");
});

test("what plain data may hold", () => {
  expect(fromPyTorch(legacy(["ctorch\nbfloat16\n"]))).toBe("bfloat16");
  expect(fromPyTorch(legacy(["ctorch\ndevice\n", 0x58, 4, 0, 0, 0, "cuda", 0x4b, 1, 0x86, 0x52]))).toBe("cuda:1");
  expect(fromPyTorch(legacy([0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1]))).toBe(2n ** 64n);
  const proto = fromPyTorch(legacy([0x7d, 0x58, 9, 0, 0, 0, "__proto__", 0x7d, 0x73])) as object;
  expect(Object.getPrototypeOf(proto)).toBe(Object.prototype);
  expect(Object.keys(proto)).toEqual(["__proto__"]);
  const itself = fromPyTorch(legacy([0x5d, 0x71, 0, 0x68, 0, 0x61])) as unknown[];
  expect(itself[0]).toBe(itself);
  expect(() => fromPyTorch(legacy([0x7d, 0x4b, 0, 0x4e, 0x73, 0x58, 1, 0, 0, 0, "0", 0x4e, 0x73]))).toThrow(
    'has the keys 0 and "0" side by side',
  );
});

test("a damaged file is refused, and never hangs or throws anything else", () => {
  expect(() => fromPyTorch(bytesOf("truncated.pt"), "truncated.pt")).toThrow("load: truncated.pt is not intact");
  const whole = ["checkpoint_legacy.pt", "mixed.pt"].map(bytesOf);
  fc.assert(
    fc.property(fc.constantFrom(...whole), fc.nat(), fc.nat(255), fc.boolean(), (bytes, at, byte, cut) => {
      const place = at % bytes.length;
      const damaged = cut ? bytes.slice(0, place) : bytes.map((old, i) => (i === place ? byte : old));
      try {
        fromPyTorch(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    }),
    { numRuns: 500 },
  );
});
