/**
 * For testing backends: the reference that says what every kernel means, and special functions to compare with.
 *
 * @packageDocumentation
 */
export { compute, ReferenceBackend, storeInto } from "./reference/backend.ts";
export * from "./special.ts";
