/**
 * N-dimensional tensors over pluggable backends.
 *
 * @packageDocumentation
 */
export {};
