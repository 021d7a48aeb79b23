import { TensorError } from "@dl/tensor";

/** A file that is not what it should be, or cannot be written. */
export class CheckpointError extends TensorError {
  override readonly name: string = "CheckpointError";
}

/** Throws `load: NAME problem. Remedy`. */
export function refuse(name: string, problem: string): never {
  throw new CheckpointError(`load: ${name} ${problem}. It is no intact safetensors file: save or fetch it again`);
}
