/** Connectionist temporal classification (Graves et al., 2006), by the forward recursion in log space. */
import { cat, composite, fail, fromArray, peek, showShape, stack, type Tensor, where } from "@dl/tensor";
import { indexTensor } from "./positions.ts";
import { type Reduction, reduced } from "./reduction.ts";

/** Stands for log 0: finite, so that differences of two stay numbers. */
const never = -1e30;

export type Lengths = Tensor | readonly number[];

function lengthsOf(lengths: Lengths): number[] {
  return "shape" in lengths ? Array.from(peek(lengths, "ctcLoss") as ArrayLike<number | bigint>, Number) : [...lengths];
}

/** Each sample's labels, from rows of a matrix or from one list of all. */
function labelsOf(targets: Tensor, lengths: readonly number[]): number[][] {
  const all = Array.from(peek(targets.contiguous(), "ctcLoss") as ArrayLike<number | bigint>, Number);
  if (targets.ndim === 2)
    return lengths.map((length, n) => all.slice(n * targets.shape[1]!, n * targets.shape[1]! + length));
  let start = 0;
  return lengths.map((length) => all.slice(start, (start += length)));
}

/** log(eᵃ + eᵇ + eᶜ). */
function addLogs(a: Tensor, b: Tensor, c: Tensor): Tensor {
  const top = a.maximum(b).maximum(c).detach();
  return a.sub(top).exp().add(b.sub(top).exp()).add(c.sub(top).exp()).log().add(top);
}

/** Everything moved `by` places to the right. */
function shifted(x: Tensor, by: number, filler: Tensor): Tensor {
  return cat([filler.narrow(1, 0, by), x.narrow(1, 0, x.shape[1]! - by)], 1);
}

/** Each sample's labels with blanks around them, as many as the longest has. */
function statesOf(labels: readonly (readonly number[])[], blank: number): number[][] {
  const width = 2 * Math.max(...labels.map((row) => row.length)) + 1;
  return labels.map((row) =>
    Array.from({ length: width }, (_, s) => (s % 2 === 1 ? (row[(s - 1) / 2] ?? blank) : blank)),
  );
}

/** The log-probabilities [N, S] of having come to each state, after each step. */
function forward(
  logs: Tensor,
  labels: readonly (readonly number[])[],
  states: readonly (readonly number[])[],
  blank: number,
): Tensor[] {
  const [steps, batch] = logs.shape as [number, number];
  const width = states[0]!.length;
  const flags = (test: (row: readonly number[], s: number, n: number) => boolean): Tensor =>
    indexTensor(
      states.flatMap((row, n) => row.map((_, s) => Number(test(row, s, n)))),
      [batch, width],
      logs,
    ).ne(0);
  const skips = flags((row, s) => s > 1 && row[s] !== blank && row[s] !== row[s - 2]);
  const starts = flags((_, s, n) => s === 0 || (s === 1 && labels[n]!.length > 0));
  const index = indexTensor(states.flat(), [1, batch, width], logs).expand(steps, batch, width);
  const emitted = logs.gather(2, index);
  const nowhere = emitted.select(0, 0).detach().mul(0).add(never);
  const rows = [where(starts, emitted.select(0, 0), nowhere)];
  for (let t = 1; t < steps; t++) {
    const alpha = rows[t - 1]!;
    const two = where(skips, shifted(alpha, Math.min(2, width), nowhere), nowhere);
    rows.push(addLogs(alpha, width > 1 ? shifted(alpha, 1, nowhere) : nowhere, two).add(emitted.select(0, t)));
  }
  return rows;
}

/** The log-probability of each sample's labels under log-probabilities [T, N, C]. */
function logLikelihood(
  logs: Tensor,
  labels: readonly (readonly number[])[],
  lengths: readonly number[],
  blank: number,
): Tensor {
  const batch = labels.length;
  const states = statesOf(labels, blank);
  const flat = stack(forward(logs, labels, states, blank)).flatten();
  // The last step and the last two states of each sample.
  const [end, before] = [0, 1].map((back) => {
    const last = labels.map(
      (row, n) => ((lengths[n]! - 1) * batch + n) * states[n]!.length + Math.max(2 * row.length - back, 0),
    );
    return flat.indexSelect(0, indexTensor(last, [batch], logs));
  }) as [Tensor, Tensor];
  const hasLabels = indexTensor(
    labels.map((row) => Number(row.length > 0)),
    [batch],
    logs,
  ).ne(0);
  return addLogs(end, where(hasLabels, before, never), end.detach().mul(0).add(never));
}

/**
 * Zero, with the gradient e^(log p): PyTorch's gradient is the one for scores behind a logSoftmax, through which this
 * part vanishes again.
 */
function normalization(logs: Tensor, lengths: readonly number[]): Tensor {
  const [steps, batch] = logs.shape as [number, number];
  const used = Array.from({ length: steps * batch }, (_, i) => Number(Math.floor(i / batch) < lengths[i % batch]!));
  const total = where(indexTensor(used, [steps, batch, 1], logs).ne(0), logs.exp(), 0).sum([0, 2]);
  return total.sub(total.detach());
}

/**
 * The negative log-probability of label sequences under log-probabilities [T, N, C] (or [T, C]) of each step. Labels
 * are rows of a matrix, or one list of all; the "mean" divides by the label counts first.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.ctc_loss.html
 */
export const ctcLoss = composite(
  "ctcLoss(logProbs, targets, inputLengths, targetLengths, blank?, reduction?, zeroInfinity?)",
  (
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Lengths,
    targetLengths: Lengths,
    blank: number = 0,
    reduction: Reduction = "mean",
    zeroInfinity: boolean = false,
  ): Tensor => {
    const batched = logProbs.ndim === 3;
    const logs = batched ? logProbs : logProbs.unsqueeze(1);
    const [steps, batch, classes] = logs.shape as [number, number, number];
    const [inputs, sizes] = [lengthsOf(inputLengths), lengthsOf(targetLengths)];
    if (inputs.length !== batch || sizes.length !== batch || inputs.some((length) => length > steps)) {
      const got = `${showShape(inputs)} and ${showShape(sizes)}`;
      const needed = `${batch} input lengths up to ${steps} and target lengths`;
      fail("ctcLoss", `${showShape(logs.shape)} needs ${needed}, got ${got}`);
    }
    if (blank < 0 || blank >= classes) fail("ctcLoss", `blank ${blank} is none of ${classes} classes`);
    const labels = labelsOf(targets, sizes);
    const raw = logLikelihood(logs, labels, inputs, blank).neg().add(normalization(logs, inputs));
    const impossible = raw.detach().gt(-never / 2);
    const losses = where(impossible, zeroInfinity ? 0 : Number.POSITIVE_INFINITY, raw);
    if (reduction === "mean") {
      const counts = Float64Array.from(sizes, (size) => Math.max(size, 1));
      return losses.div(fromArray(counts, [batch], { dtype: logs.dtype, device: logs.device })).mean();
    }
    return reduced("ctcLoss", batched ? losses : losses.squeeze(0), reduction);
  },
);
