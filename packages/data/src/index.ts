/**
 * Datasets, samplers and loaders.
 *
 * @packageDocumentation
 */
export {};
