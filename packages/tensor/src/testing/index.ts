/**
 * For testing backends: the reference that says what every kernel means, the cases that every op is tried on, and special
 * functions to compare with.
 *
 * @module testing
 */
export { type InputSpec, type OpCase, type OpCases, opCases } from "./cases.ts";
export { arrange, type BackendCase, backendCases, type CheckOptions, type Layout } from "./check.ts";
export { compute, ReferenceBackend, storeInto } from "./reference/backend.ts";
export * from "./special.ts";
export { type UpdateCase, updateCases } from "./updates.ts";
