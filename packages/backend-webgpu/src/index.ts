/**
 * The WebGPU backend: element-wise calls are remembered and fused into the kernel that needs them.
 *
 * @packageDocumentation
 */
export type { WebGPUBackend } from "./backend.ts";
export { createWebGPU, type GPULike, useWebGPU, type WebGPUOptions } from "./open.ts";
export type { Profile } from "./profile.ts";
