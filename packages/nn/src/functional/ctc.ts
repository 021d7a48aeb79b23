/** Connectionist temporal classification (Graves et al., 2006). */
import {
  composite,
  fail,
  fromArray,
  isGradEnabled,
  noGrad,
  peek,
  recorded,
  showShape,
  type Tensor,
  where,
} from "@dl/tensor";
import { align } from "./ctc-host.ts";
import { type Spelling, statesOf } from "./ctc-spelling.ts";
import { likelihood, slope } from "./ctc-tensors.ts";
import { type Reduction, reduced } from "./reduction.ts";

export type Lengths = Tensor | readonly number[];

/** What is above it stands for the negative of log 0. */
const IMPOSSIBLE = 1e29;

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

/** The negative log-probability [N] of each sample's labels under log-probabilities [T, N, C]. */
function negativeLog(logs: Tensor, spelling: Spelling): Tensor {
  const found = logs.backend.hostMemory ? align(logs, spelling) : undefined;
  const value = noGrad(() => (found?.likelihood ?? likelihood(logs, spelling)).neg());
  const [loss] = recorded("CtcLoss", [logs], [value], [logs], ([gradient], [x]) => {
    const slopes = found && !isGradEnabled() ? found.slope() : slope(x, spelling);
    return [slopes.mul(gradient.view([1, -1, 1]))];
  });
  return loss;
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
    const states = statesOf(labels, blank);
    const raw = negativeLog(logs, { labels, lengths: inputs, states, blank });
    const impossible = raw.detach().gt(IMPOSSIBLE);
    const losses = where(impossible, zeroInfinity ? 0 : Number.POSITIVE_INFINITY, raw);
    if (reduction === "mean") {
      const counts = Float64Array.from(sizes, (size) => Math.max(size, 1));
      return losses.div(fromArray(counts, [batch], { dtype: logs.dtype, device: logs.device })).mean();
    }
    return reduced("ctcLoss", batched ? losses : losses.squeeze(0), reduction);
  },
);
