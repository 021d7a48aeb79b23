/** Opens the GPU when it is asked for; the CPU is always there. */
export async function openDevice(device: string): Promise<void> {
  if (device !== "webgpu") return;
  const { useWebGPU } = await import("@dl/backend-webgpu");
  await useWebGPU();
}
