/**
 * Saving and loading weights.
 *
 * @packageDocumentation
 */
export { CheckpointError, type FileBytes } from "./errors.ts";
export { load, loadCheckpoint, type Path, save, saveCheckpoint } from "./files.ts";
export { type Packed, pack, unpack } from "./packing.ts";
export { fromPyTorch } from "./pytorch.ts";
export { type Bytes, fromBytes, type Metadata, readMetadata, type TensorRecord, toBytes } from "./safetensors.ts";
