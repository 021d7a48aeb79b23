/**
 * Recorded PyTorch vectors against the packages.
 *
 * @packageDocumentation
 */
export {};
