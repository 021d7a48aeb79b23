/**
 * MNIST and its relatives, and image transforms.
 *
 * @packageDocumentation
 */
export {};
