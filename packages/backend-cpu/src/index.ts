/**
 * The CPU backend. Importing it registers it as the device `"cpu"`.
 *
 * @packageDocumentation
 */
export {};
