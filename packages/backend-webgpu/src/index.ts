/**
 * The WebGPU backend.
 *
 * @packageDocumentation
 */
export {};
