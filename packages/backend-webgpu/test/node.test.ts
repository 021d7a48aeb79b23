import { expect, test } from "vitest";
import { floats, map, noise, run } from "./both.ts";
import { onDevice, webgpu } from "./device.ts";

onDevice("what Node alone can: wait, and ask the collector", () => {
  test("reading at once", () => {
    const x = map("mul", floats([1, 2, 3]), 2);
    expect([...webgpu.readSync!(x)]).toEqual([2, 4, 6]);
    expect([...webgpu.readSync!({ ...x, shape: [2], strides: [-2], offset: 2 })]).toEqual([6, 2]);
  });

  test("unreachable storages are found", async () => {
    const start = webgpu.memory().bytes;
    const leak = (): void => {
      for (let i = 0; i < 50; i++) floats(noise(1)); // small here, big there
      run("full", [], { shape: [50_000_000], dtype: "float32", value: 1 }, { shape: [50_000_000], dtype: "float32" });
      webgpu.allocate("float32", 40_000_000);
    };
    leak();
    expect(webgpu.memory().bytes).toBeGreaterThan(start + 150e6);
    await new Promise((resolve) => setTimeout(resolve, 0));
    await webgpu.reclaim();
    expect(webgpu.memory().bytes).toBeLessThan(start + 100e6);
    expect(webgpu.reclaim()).toBeUndefined();
    webgpu.trim();
  });
});
