/** Opening a device: an adapter, its limits, and what the host adds. */

import { fail, registerBackend } from "@dl/tensor";
import { dawn } from "#dawn";
import { WebGPUBackend } from "./backend.ts";
import { catchPump } from "./pump.ts";

/** A `GPU`, for users who compile without the types of WebGPU. */
export interface GPULike {
  requestAdapter(options?: object): Promise<object | null>;
}

export interface WebGPUOptions {
  /** The entry point to WebGPU: `navigator.gpu` unless said, or what `create()` of npm `webgpu` returns. */
  readonly gpu?: GPULike;
  readonly powerPreference?: "low-power" | "high-performance";
  /** Bytes of device memory that this backend may hold; 4 GiB unless said. */
  readonly memoryLimit?: number;
}

const defaultLimit = 4 * 2 ** 30;

/**
 * Opens a GPU. Register it to make tensors on `"webgpu"`: `registerBackend(await createWebGPU())`.
 * @throws TensorError when there is no WebGPU or no adapter
 */
export async function createWebGPU(options: WebGPUOptions = {}): Promise<WebGPUBackend> {
  const { memoryLimit = defaultLimit, powerPreference = "high-performance" } = options;
  const gpu = (options.gpu as GPU | undefined) ?? hostGPU();
  const adapter = gpu && (await gpu.requestAdapter({ powerPreference }));
  if (!gpu || !adapter) return failToOpen(gpu ? "no adapter" : "this runtime has no WebGPU");
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  return new WebGPUBackend({ gpu, device, memoryLimit, pump: await catchPump(device) });
}

/**
 * The convenient way: opens `navigator.gpu` in browsers or npm `webgpu` in Node, and registers it as `"webgpu"`.
 * @throws TensorError when there is no adapter, with how to get one
 * @example
 * await useWebGPU();
 * const x = tensor([1, 2, 3], { device: "webgpu" });
 */
export async function useWebGPU(options: WebGPUOptions = {}): Promise<WebGPUBackend> {
  const gpu = options.gpu ?? hostGPU() ?? (await dawn(failToLoad));
  const backend = await createWebGPU(gpu ? { ...options, gpu } : options);
  registerBackend(backend);
  return backend;
}

function hostGPU(): GPU | undefined {
  return (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
}

function failToLoad(error: unknown): never {
  return failToOpen(`npm's webgpu does not load: ${String(error)}`);
}

function failToOpen(what: string): never {
  return fail(
    "webgpu",
    what,
    "In Node: npm install webgpu, and a Vulkan, Metal or Direct3D driver; without a GPU, a software driver such as " +
      "SwiftShader, named by the environment variable VK_ICD_FILENAMES. In browsers: an up-to-date one, served over " +
      "https or localhost; Chromium on Linux may need --enable-unsafe-webgpu --enable-features=Vulkan",
  );
}
