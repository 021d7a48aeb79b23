/** Connectionist temporal classification by tensors, on any device and to any order: the recursion over steps, in log space. */
import { cat, stack, type Tensor, where, zerosLike } from "@dl/tensor";
import { type Spelling, statesOf } from "./ctc-spelling.ts";
import { pad } from "./padding.ts";
import { indexTensor } from "./positions.ts";

/** Stands for log 0: finite, so that differences of two stay numbers. */
const never = -1e30;

/** The same from its last step and label to the first. */
function reversed(spelling: Spelling): Spelling {
  const labels = spelling.labels.map((row) => row.toReversed());
  return { ...spelling, labels, states: statesOf(labels, spelling.blank) };
}

type Numbers = readonly (readonly number[])[];

/** A matrix of whole numbers beside `like`. */
function matrix(rows: Numbers, like: Tensor): Tensor {
  return indexTensor(rows.flat(), [rows.length, rows[0]!.length], like);
}

/** For each step and sample, the step that lies as far from the sample's end; behind the end the first. */
function mirrored(steps: number, lengths: readonly number[]): number[][] {
  return Array.from({ length: steps }, (_, t) => lengths.map((length) => Math.max(length - 1 - t, 0)));
}

/** 0 where a test holds, else what stands for log 0, for each state of each sample. */
function allowed({ states }: Spelling, like: Tensor, test: (row: readonly number[], s: number, n: number) => boolean) {
  const flags = states.map((row, n) => row.map((_, s) => Number(!test(row, s, n))));
  return matrix(flags, like).to(like.dtype).mul(never);
}

/** The log-probabilities [T, N, S] of having come to each state, from those [T, N, S] of what each state emits at each step. */
function recursion(emitted: Tensor, spelling: Spelling): Tensor {
  const { labels, blank } = spelling;
  const width = emitted.shape[2]!;
  const starts = allowed(spelling, emitted, (_, s, n) => s === 0 || (s === 1 && labels[n]!.length > 0));
  const skips = allowed(spelling, emitted, (row, s) => s > 1 && row[s] !== blank && row[s] !== row[s - 2]);
  const rows = [emitted.select(0, 0).add(starts)];
  for (let t = 1; t < emitted.shape[0]!; t++) {
    const before = pad(rows[t - 1]!, [2, 0], "constant", never);
    const [same, next, skipped] = [2, 1, 0].map((start) => before.narrow(1, start, width)) as [Tensor, Tensor, Tensor];
    rows.push(same.logaddexp(next).logaddexp(skipped.add(skips)).add(emitted.select(0, t)));
  }
  return stack(rows);
}

/** What each state emits at each step, of log-probabilities [T, N, C]; `times` [T, N] tell which step that is. */
function emissions(logs: Tensor, { states }: Spelling, times: Numbers): Tensor {
  const [, batch, classes] = logs.shape as [number, number, number];
  const places = states.map((row, n) => row.map((label) => n * classes + label));
  const index = matrix(times, logs)
    .mul(batch * classes)
    .unsqueeze(2)
    .add(matrix(places, logs));
  return logs.flatten().indexSelect(0, index.flatten()).view(index.shape).clamp({ min: never });
}

const inOrder = ({ lengths }: Spelling, steps: number): Numbers =>
  Array.from({ length: steps }, (_, t) => lengths.map(() => t));

/** The log-probability [N] of each sample's labels, from those of having come to each state: of its last step's last two. */
function likelihoodOf(arrived: Tensor, { labels, lengths, states }: Spelling): Tensor {
  const [, batch, width] = arrived.shape as [number, number, number];
  const last = (back: number): Tensor => {
    const places = labels.map((row, n) => ((lengths[n]! - 1) * batch + n) * width + Math.max(2 * row.length - back, 0));
    return arrived.flatten().indexSelect(0, indexTensor(places, [batch], arrived));
  };
  const bare = states.map((_, n) => Number(labels[n]!.length === 0));
  const before = last(1).add(indexTensor(bare, [batch], arrived).to(arrived.dtype).mul(never));
  return last(0).logaddexp(before);
}

/**
 * The gradient [T, N, C] of the negative log-probability: how probable each class is, less how probable it is among all
 * ways to spell the labels. As in PyTorch it is the one for scores behind a logSoftmax, hence the first part.
 */
export function slope(logs: Tensor, spelling: Spelling): Tensor {
  const [steps, batch] = logs.shape as [number, number, number];
  const { labels, lengths, states } = spelling;
  const width = states[0]!.length;
  const [back, mirror] = [reversed(spelling), mirrored(steps, lengths)];
  const emitted = emissions(logs, spelling, inOrder(spelling, steps));
  const both = cat([emitted, emissions(logs, back, mirror)], 1);
  const arrived = recursion(both, {
    ...spelling,
    labels: [...labels, ...back.labels],
    states: [...states, ...back.states],
  });
  const forth = arrived.narrow(1, 0, batch);
  const places = states.map((row, n) =>
    row.map((_, s) => (batch + n) * width + Math.max(2 * labels[n]!.length - s, 0)),
  );
  const index = matrix(mirror, logs)
    .mul(2 * batch * width)
    .unsqueeze(2)
    .add(matrix(places, logs));
  const home = arrived.flatten().indexSelect(0, index.flatten()).view(index.shape);
  const ways = forth.add(home).sub(emitted).sub(likelihoodOf(forth, spelling).unsqueeze(1));
  const real = allowed(spelling, logs, (_, s, n) => s <= 2 * labels[n]!.length);
  const shares = ways.clamp({ max: 0 }).add(real).exp();
  const classOf = matrix(states, logs).unsqueeze(0).expand(shares.shape);
  const spelled = zerosLike(logs).scatterAdd(2, classOf, shares);
  const used = inOrder(spelling, steps).map((row) => row.map((t, n) => Number(t < lengths[n]!)));
  return where(matrix(used, logs).ne(0).unsqueeze(2), logs.exp().sub(spelled), 0);
}

/** The log-probability [N] of each sample's labels under log-probabilities [T, N, C]. */
export function likelihood(logs: Tensor, spelling: Spelling): Tensor {
  return likelihoodOf(recursion(emissions(logs, spelling, inOrder(spelling, logs.shape[0]!)), spelling), spelling);
}
