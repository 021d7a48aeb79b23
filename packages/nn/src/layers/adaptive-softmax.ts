import { type Arguments, cat, fail, nonzero, readArguments, showShape, type Tensor } from "@dl/tensor";
import { ModuleList, Sequential } from "../containers.ts";
import * as F from "../functional/index.ts";
import { Module } from "../module.ts";
import { Linear } from "./linear.ts";
import { type Placement, placement } from "./placement.ts";

export type AdaptiveLogSoftmaxWithLossArguments = [
  inFeatures: number,
  nClasses: number,
  cutoffs: readonly number[],
  divValue?: number,
  headBias?: boolean,
  ...Placement,
];

/**
 * A softmax over many classes, sorted by frequency: the frequent ones and a few clusters in one small layer, the rest of
 * each cluster in a layer of its own, narrower the rarer (Grave et al., 2016).
 * @see https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html
 */
export class AdaptiveLogSoftmaxWithLoss extends Module<
  [input: Tensor, target: Tensor],
  { output: Tensor; loss: Tensor }
> {
  static readonly names = ["inFeatures", "nClasses", "cutoffs", "divValue", "headBias", ...placement] as const;
  readonly inFeatures: number;
  readonly nClasses: number;
  /** Where clusters end; the last is `nClasses`. */
  readonly cutoffs: readonly number[];
  readonly divValue: number;
  readonly headBias: boolean;
  head: Linear;
  tail: ModuleList<Sequential>;

  constructor(...args: Arguments<typeof AdaptiveLogSoftmaxWithLoss.names, AdaptiveLogSoftmaxWithLossArguments>) {
    super();
    const [inFeatures, nClasses, cutoffs, divValue = 4, headBias = false, device, dtype] =
      readArguments<AdaptiveLogSoftmaxWithLossArguments>(AdaptiveLogSoftmaxWithLoss, args);
    const rising = cutoffs.every((cut, i) => Number.isInteger(cut) && cut > (cutoffs[i - 1] ?? 0) && cut < nClasses);
    if (!rising || cutoffs.length === 0) {
      fail(
        "AdaptiveLogSoftmaxWithLoss",
        `cutoffs must rise from above 0 to below ${nClasses}, got ${showShape(cutoffs)}`,
      );
    }
    const at = { device, dtype };
    this.inFeatures = inFeatures;
    this.nClasses = nClasses;
    this.cutoffs = [...cutoffs, nClasses];
    this.divValue = divValue;
    this.headBias = headBias;
    this.head = new Linear(inFeatures, cutoffs[0]! + cutoffs.length, { bias: headBias, ...at });
    const tails = cutoffs.map((cut, i) => {
      const width = Math.floor(inFeatures / divValue ** (i + 1));
      const size = this.cutoffs[i + 1]! - cut;
      return new Sequential(
        new Linear(inFeatures, width, { bias: false, ...at }),
        new Linear(width, size, { bias: false, ...at }),
      );
    });
    this.tail = new ModuleList(tails);
  }

  resetParameters(): void {
    for (const module of this.modules()) if (module instanceof Linear) module.resetParameters();
  }

  /** Each sample's log-probability of its target, and the mean loss. Only the clusters in use are computed. */
  forward(input: Tensor, target: Tensor): { output: Tensor; loss: Tensor } {
    const [x, classes] = target.ndim === 0 ? [input.unsqueeze(0), target.unsqueeze(0)] : [input, target];
    if (x.ndim !== 2 || classes.ndim !== 1 || x.shape[0] !== classes.shape[0]) {
      fail(
        "AdaptiveLogSoftmaxWithLoss",
        `needs [N, ${this.inFeatures}] and [N], got ${showShape(input.shape)} and ${showShape(target.shape)}`,
      );
    }
    const head = F.logSoftmax(this.head(x), 1);
    const rows: Tensor[] = [];
    const parts: Tensor[] = [];
    this.cutoffs.forEach((high, i) => {
      const low = this.cutoffs[i - 1] ?? 0;
      const mine = nonzero(classes.ge(low).logicalAnd(classes.lt(high))).view(-1);
      if (mine.numel() === 0) return;
      rows.push(mine);
      parts.push(logProbOf(this, x, classes, head, mine, i, low));
    });
    const order = rows.length > 0 ? cat(rows) : classes;
    if (order.numel() !== classes.numel() || rows.length === 0) {
      fail("AdaptiveLogSoftmaxWithLoss", `targets must lie in [0, ${this.nClasses - 1}]`);
    }
    const output = cat(parts).indexSelect(0, order.argsort());
    return { output: target.ndim === 0 ? output.squeeze(0) : output, loss: output.neg().mean() };
  }

  /** The log-probabilities of all classes: [N, inFeatures] → [N, nClasses]. */
  logProb(input: Tensor): Tensor {
    const short = this.cutoffs[0]!;
    const head = F.logSoftmax(this.head(input), 1);
    const tails = this.tail.values().map((layer, i) => F.logSoftmax(layer(input), 1).add(head.narrow(1, short + i, 1)));
    return cat([head.narrow(1, 0, short), ...tails], 1);
  }

  /** The most probable class of each sample. */
  predict(input: Tensor): Tensor {
    return this.logProb(input).argmax(1);
  }
}

function logProbOf(
  layer: AdaptiveLogSoftmaxWithLoss,
  x: Tensor,
  classes: Tensor,
  head: Tensor,
  rows: Tensor,
  cluster: number,
  low: number,
): Tensor {
  const own = head.indexSelect(0, rows);
  const wanted = classes.indexSelect(0, rows).sub(low).unsqueeze(1);
  if (cluster === 0) return own.gather(1, wanted).squeeze(1);
  const inside = F.logSoftmax(layer.tail.at(cluster - 1)(x.indexSelect(0, rows)), 1);
  return own.select(1, layer.cutoffs[0]! + cluster - 1).add(inside.gather(1, wanted).squeeze(1));
}
