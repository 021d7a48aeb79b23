/** Which backends there are, and which one a tensor is made on when nothing is said. */
import type { Backend, MemoryReport } from "./backend.ts";
import type { FloatDType } from "./dtype.ts";
import { fail } from "./errors.ts";
import { refusePromise } from "./recorder.ts";
import { state } from "./state.ts";

const remedies: Readonly<Record<string, string>> = {
  cpu: 'Add import "@dl/backend-cpu"',
  webgpu: 'Call await useWebGPU() of "@dl/backend-webgpu" first; it says how to get an adapter where there is none',
};

/** Makes a device available under `backend.device`. The latest one of a name wins. */
export function registerBackend(backend: Backend): void {
  state.backends.set(backend.device, backend);
}

/** Takes a device away again, such as a GPU that was closed. */
export function unregisterBackend(device: string): void {
  state.backends.delete(device);
}

/** @throws TensorError when nothing registered that device */
export function getBackend(device: string = state.defaultDevice): Backend {
  return (
    state.backends.get(device) ??
    fail(
      "device",
      `no backend for "${device}"; registered: ${[...state.backends.keys()].join(", ") || "none"}`,
      remedies[device] ?? 'Devices are "cpu" and "webgpu"',
    )
  );
}

/** The devices that tensors can live on now. */
export function devices(): readonly string[] {
  return [...state.backends.keys()];
}

/** Where tensors are made when no device is given. */
export function setDefaultDevice(device: string): void {
  getBackend(device);
  state.defaultDevice = device;
}

/** Where tensors are made unless options say otherwise. */
export function getDefaultDevice(): string {
  return state.defaultDevice;
}

/** The dtype of fractional numbers without one, and of integer tensors in float maths. */
export function setDefaultDtype(dtype: FloatDType): void {
  state.defaultDType = dtype;
}

/** The dtype of numbers with fractions. @see https://pytorch.org/docs/stable/generated/torch.get_default_dtype.html */
export function getDefaultDtype(): FloatDType {
  return state.defaultDType;
}

/**
 * Lets operands of different dtypes meet by PyTorch's promotion rules; off, they are an error.
 * @see https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
 */
export function setTypePromotion(enabled: boolean): void {
  state.promotion = enabled;
}

/** {@link setTypePromotion} for the time of a synchronous `body`. */
export function withTypePromotion<T>(body: () => T extends PromiseLike<unknown> ? never : T): T {
  const before = state.promotion;
  state.promotion = true;
  try {
    return refusePromise("withTypePromotion", body());
  } finally {
    state.promotion = before;
  }
}

/**
 * Bytes and buffers held on a device, and the most bytes that ever were.
 * @throws TensorError when nothing registered that device
 * @see https://pytorch.org/docs/stable/generated/torch.cuda.memory_stats.html
 */
export function memory(device?: string): MemoryReport {
  return getBackend(device).memory();
}

/**
 * Lets `memory().peak` be counted anew, from what is held now.
 * @throws TensorError when nothing registered that device
 * @see https://pytorch.org/docs/stable/generated/torch.cuda.reset_peak_memory_stats.html
 */
export function resetPeakMemoryStats(device?: string): void {
  getBackend(device).resetPeak();
}

/**
 * Gives the garbage collector its turn when unreachable tensors have piled up; `undefined` when they have not.
 * Loaders call it between batches, so that a plain training loop stays flat; long async loops of your own may too.
 */
export function reclaim(): Promise<void> | undefined {
  for (const backend of state.backends.values()) {
    const turn = backend.reclaim?.();
    if (turn !== undefined) return turn;
  }
  return undefined;
}
