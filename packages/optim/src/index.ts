/**
 * Optimizers and learning-rate schedules.
 *
 * @packageDocumentation
 */
export {};
