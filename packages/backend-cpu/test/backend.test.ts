import { type KernelCall, sizeOf, type View } from "@dl/tensor";
import { opCases } from "@dl/tensor/testing";
import { describe, expect, test } from "vitest";
import { cpu } from "../src/backend.ts";
import { outputsOf, plainView, realize } from "./oracle.ts";

const shape = [4, 6];
const outputs = [{ shape, dtype: "float32" }] as const;
const read = (view: View): number[] => Array.from(cpu.readSync!(view) as Float32Array);

/** Every second column of something larger, and the columns between. */
function interleaved(): [target: View, between: View] {
  const whole = realize(plainView([4, 12], "float32", 5));
  const columns = (offset: number): View => ({ ...whole, shape, strides: [12, 2], offset });
  return [columns(0), columns(1)];
}

describe("results written into memory that is there", () => {
  const x = plainView(shape, "float32", 3);
  const attrs = { dim: 1 };
  const wanted = outputsOf("softmax", [x], attrs, outputs)[0]!;
  const softmax = (input: View): KernelCall => ({ op: "softmax", inputs: [input], attrs, outputs });

  test("of the op's own input", () => {
    const view = realize(x);
    cpu.runInto(softmax(view), view);
    expect(read(view)).toEqual(wanted);
  });

  test("with gaps, which stay as they are", () => {
    const [target, between] = interleaved();
    const before = read(between);
    cpu.runInto(softmax(realize(x)), target);
    expect(read(target)).toEqual(wanted);
    expect(read(between)).toEqual(before);
  });

  test("from rows of an array kernel", () => {
    const [target, between] = interleaved();
    const before = read(between);
    cpu.runInto({ op: "cumsum", inputs: [target], attrs, outputs }, target);
    const first = read(target).slice(0, 6);
    expect(first).toEqual(outputsOf("cumsum", [plainViewOf(interleaved()[0])], attrs, outputs)[0]!.slice(0, 6));
    expect(read(between)).toEqual(before);
  });
});

function plainViewOf(view: View): ReturnType<typeof plainView> {
  return { ...plainView(view.shape, "float32"), values: read(view) };
}

test("there is a kernel for every op, and others are refused by name", () => {
  expect(Object.keys(opCases).filter((op) => !cpu.supports(op as KernelCall["op"]))).toEqual([]);
  const call = { op: "frobnicate", inputs: [], attrs: {}, outputs: [] } as unknown as KernelCall;
  expect(cpu.supports(call.op)).toBe(false);
  expect(() => cpu.run(call)).toThrow("frobnicate: the device cpu has no kernel for it");
});

test("temporary copies are given back", () => {
  const [x] = interleaved();
  const run = (): void => {
    for (const storage of cpu.run({ op: "softmax", inputs: [x], attrs: { dim: 0 }, outputs })) {
      expect(storage.length).toBe(sizeOf(shape));
      storage.retain();
      storage.release();
    }
  };
  run();
  const before = cpu.memory().buffers;
  for (let i = 0; i < 10; i++) run();
  expect(cpu.memory().buffers).toBe(before);
});
