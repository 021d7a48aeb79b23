/** Numbers that watch training: each takes batches with `update`, gives its value with `compute`, starts over with `reset`. */
export { Accuracy, type AccuracyArguments } from "./accuracy.ts";
export { ConfusionMatrix } from "./confusion.ts";
export { MeanMetric } from "./mean.ts";
