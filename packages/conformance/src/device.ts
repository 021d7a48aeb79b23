import { devices } from "@dl/tensor";

/** Makes each device ready. */
const open: Readonly<Record<string, () => Promise<unknown>>> = {
  cpu: () => import("@dl/backend-cpu"),
  webgpu: async () => (await import("@dl/backend-webgpu")).useWebGPU(),
};

/** @throws when there is no device of that name */
export async function openDevice(name: string): Promise<string> {
  if (!devices().includes(name)) await open[name]?.();
  if (!devices().includes(name)) {
    throw new Error(`conformance: no device "${name}". Use ${Object.keys(open).join(" or ")}`);
  }
  return name;
}
