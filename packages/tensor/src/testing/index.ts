/**
 * Conformance cases and numeric helpers for testing backends.
 *
 * @packageDocumentation
 */
export {};
