/**
 * Datasets, samplers and loaders.
 *
 * @packageDocumentation
 */
export { batchOf } from "./batches.ts";
export type { Sized } from "./checks.ts";
export { type Collated, defaultCollate, steadyCollate } from "./collate.ts";
export {
  ChainDataset,
  ConcatDataset,
  type Indexed,
  type Parts,
  randomSplit,
  StackDataset,
  type Stacked,
  Subset,
} from "./combining.ts";
export { Dataset, IterableDataset, type Row, TensorDataset } from "./dataset.ts";
export { DataLoader } from "./loader.ts";
export type { DataLoaderOptions, DataSource, SampleOptions, Stream } from "./options.ts";
export {
  BatchSampler,
  RandomSampler,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "./sampler.ts";
export type { AbortSignalLike } from "./signal.ts";
