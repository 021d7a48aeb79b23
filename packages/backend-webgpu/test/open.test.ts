import { createWebGPU, useWebGPU } from "@dl/backend-webgpu";
import { devices, getBackend, registerBackend, tensor } from "@dl/tensor";
import { expect, onTestFinished, test, vi } from "vitest";
import { raw, floats as upload, viewOn } from "./both.ts";
import { onDevice, webgpu } from "./device.ts";

/** An entry point whose machine has no adapter. */
const blind = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;

test("without an adapter: how to get one", async () => {
  await expect(useWebGPU({ gpu: blind })).rejects.toThrow(
    /webgpu: no adapter.*VK_ICD_FILENAMES.*--enable-unsafe-webgpu/,
  );
});

test.each([
  ["refuses", "ERR_DLOPEN_FAILED", "webgpu: npm's webgpu does not load: Error: refuses. In Node: npm install webgpu"],
  ["is missing", "ERR_MODULE_NOT_FOUND", "webgpu: this runtime has no WebGPU. In Node: npm install webgpu"],
])("npm's webgpu %s: the error says so", async (what, code, message) => {
  const create = (): never => {
    throw Object.assign(new Error(what), { code });
  };
  onTestFinished(() => vi.doUnmock("webgpu"));
  vi.doMock("webgpu", () => ({ create }));
  await expect(useWebGPU()).rejects.toThrow(message);
});

onDevice("opening", () => {
  test("useWebGPU finds the host's WebGPU and registers it", async () => {
    const own = await useWebGPU();
    expect(devices()).toContain("webgpu");
    expect(getBackend("webgpu")).toBe(own);
    expect(await tensor([1.5, 2], { device: "webgpu" }).mul(2).data()).toEqual(Float32Array.of(3, 4));
    own.destroy();
    registerBackend(webgpu);
  });

  test("after destroy everything refuses, what was pending too", async () => {
    const { create } = await import("webgpu");
    const own = await createWebGPU({ gpu: create([]) });
    const x = viewOn(own.upload(raw([1, 2], "float32"), "float32"), { shape: [2] });
    const pending = own.read(x);
    own.destroy();
    const message = /webgpu: the backend was destroyed.*createWebGPU/;
    await expect(pending).rejects.toThrow(message);
    await expect(own.read(x)).rejects.toThrow(message);
    expect(() => own.upload(raw([1], "float32"), "float32")).toThrow(message);
  });

  test("the limit names what holds the memory, and pooled buffers count last", async () => {
    const { create } = await import("webgpu");
    const own = await createWebGPU({ gpu: create([]), memoryLimit: 2 ** 20 });
    const hold = own.allocate("float32", 100_000);
    const passing = own.allocate("float32", 130_000);
    expect(() => own.allocate("float32", 110_000)).toThrow(
      /out of memory: 448 KiB needed, 960 KiB of 1 MiB held by tensors \(1 of 512 KiB, 1 of 448 KiB\).*scope.*memoryLimit/,
    );
    passing.retain();
    passing.release();
    expect(own.allocate("float32", 110_000).length).toBe(110_000);
    expect(hold.length).toBe(100_000);
    own.destroy();
  });

  test("a read that finds no memory holds nothing afterwards", async () => {
    const { create } = await import("webgpu");
    const own = await createWebGPU({ gpu: create([]), memoryLimit: 2 ** 20 });
    const x = own.allocate("float32", 130_000);
    x.retain();
    const others = own.allocate("float32", 110_000);
    await expect(own.read(viewOn(x, { shape: [2, 65_000], strides: [1, 2] }))).rejects.toThrow("out of memory");
    x.release();
    expect(own.memory().bytes).toBe(448 * 2 ** 10);
    expect(others.length).toBe(110_000);
    own.destroy();
  });
});

onDevice("through the library", () => {
  test("sync reading in Node", () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device: "webgpu", dtype: "float32" },
    );
    expect(x.matmul(x).toArray()).toEqual([
      [7, 10],
      [15, 22],
    ]);
    expect(x.sum().item()).toBe(10);
    expect(String(x.to("webgpu"))).toContain("device");
  });

  test("float64 is refused with the remedy", () => {
    expect(() => tensor([1.5], { device: "webgpu", dtype: "float64" })).toThrow(/float64/);
    expect(() => upload([1])).not.toThrow();
  });
});
