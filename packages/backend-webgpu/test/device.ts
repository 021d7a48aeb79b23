import { createWebGPU, type WebGPUBackend } from "@dl/backend-webgpu";
import { registerBackend } from "@dl/tensor";
import { afterAll, describe } from "vitest";

/** The browser's WebGPU, or Dawn in Node. */
async function openGPU(): Promise<GPU> {
  if (globalThis.navigator?.gpu) return navigator.gpu;
  const { create } = await import("webgpu");
  return create([]);
}

async function open(): Promise<WebGPUBackend | undefined> {
  try {
    return await createWebGPU({ gpu: await openGPU() });
  } catch (error) {
    if (globalThis.process === undefined || process.env["CI"]) throw error; // pages of the browser tests have one
    console.warn(`WebGPU tests are skipped. ${String(error)}`);
    return undefined;
  }
}

const opened = await open();
if (opened) {
  registerBackend(opened);
  afterAll(() => opened.destroy());
}

/** The device under test; only inside {@link onDevice}. */
export const webgpu = opened as WebGPUBackend;

/** `describe` that is skipped on a machine without an adapter. */
export const onDevice = describe.skipIf(!opened);
