/**
 * Modules, parameters, layers and losses.
 *
 * @packageDocumentation
 */
export {};
