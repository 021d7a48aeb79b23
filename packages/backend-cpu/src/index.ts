/**
 * The CPU backend. Importing it registers it as the device `"cpu"`.
 *
 * @packageDocumentation
 */
import { registerBackend } from "@dl/tensor";
import { cpu } from "./backend.ts";

export { cpu } from "./backend.ts";
export {
  type NativeCall,
  type NativeKernel,
  type NativeKernels,
  type NativeView,
  replaceKernels,
} from "./kernels/native.ts";
export { getMemoryLimit, getNumThreads, setMemoryLimit, setNumThreads } from "./runtime/index.ts";

registerBackend(cpu);
