/**
 * Saving and loading tensors, modules and optimizers.
 *
 * @packageDocumentation
 */
export {};
