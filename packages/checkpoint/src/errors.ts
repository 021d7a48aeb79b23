import { TensorError } from "@dl/tensor";

/** A file that is not what it should be, or cannot be written. */
export class CheckpointError extends TensorError {
  override readonly name: string = "CheckpointError";
}

/** Throws `load: NAME problem. Remedy`. */
export function refuse(name: string, problem: string): never {
  throw new CheckpointError(`load: ${name} ${problem}. It is no intact safetensors file: save or fetch it again`);
}

/** What a file holds, as hosts give it. */
export type FileBytes = Uint8Array | ArrayBuffer;

/** Bytes to read from, whichever realm they are of. @throws CheckpointError for what still has to be read itself */
export function bytesOf(given: FileBytes, name: string): Uint8Array {
  if (ArrayBuffer.isView(given)) return given;
  const kind = Object.prototype.toString.call(given).slice(8, -1);
  if (kind === "ArrayBuffer") return new Uint8Array(given);
  throw new CheckpointError(`load: ${name} are a ${kind}. Pass a Uint8Array, or what await blob.arrayBuffer() gives`);
}
