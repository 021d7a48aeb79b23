/**
 * Saving and loading weights.
 *
 * @packageDocumentation
 */
export { CheckpointError } from "./errors.ts";
export { load, save } from "./files.ts";
export { fromBytes, type Metadata, readMetadata, type TensorRecord, toBytes } from "./safetensors.ts";
