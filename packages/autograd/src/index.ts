/**
 * Reverse-mode differentiation for `@dl/tensor`. Importing it installs it.
 *
 * @packageDocumentation
 */
export {};
