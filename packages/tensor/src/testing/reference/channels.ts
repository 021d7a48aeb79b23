/** Standardization of the channels of [outer, channels, inner], with its gradient. */
import type { StandardizeOp, StandardizeOps } from "../../ops/table.ts";
import { type Dense, linesAlong } from "./array.ts";

type Kernel = (inputs: readonly Dense[], attrs: StandardizeOps["standardize"]) => number[][];

interface Channel {
  readonly at: readonly number[];
  readonly mean: number;
  readonly variance: number;
}

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function channelsOf({ shape, data }: Dense): Channel[] {
  return linesAlong(shape, [0, 2]).map((at) => {
    const mean = average(at.map((i) => data[i]!));
    return { at, mean, variance: average(at.map((i) => (data[i]! - mean) ** 2)) };
  });
}

/** The weight of an element. */
const weightOf = (weights: Dense, run: number, i: number): number =>
  weights.data[Math.floor(i / run) % weights.data.length]!;

export const channelwise: { readonly [K in StandardizeOp]: Kernel } = {
  standardize: ([x, weight, bias], { eps, run }) => {
    const [out, channels] = [[...x!.data], channelsOf(x!)];
    for (const { at, mean, variance } of channels) {
      for (const i of at) {
        const y = (x!.data[i]! - mean) / Math.sqrt(variance + eps);
        out[i] = y * (weight ? weightOf(weight, run, i) : 1) + (bias ? weightOf(bias, run, i) : 0);
      }
    }
    return [out, [...channels.map(({ mean }) => mean), ...channels.map(({ variance }) => variance)]];
  },
  /** The means could be found again; the variances are as given. */
  standardizeBackward: ([g, x, moments, weight], { eps, run }) => {
    const out = [...x!.data];
    const [slopes, sums] = [0, 1].map(() => (weight?.data ?? []).map(() => 0)) as [number[], number[]];
    const all = channelsOf(x!);
    for (const [channel, { at, mean }] of all.entries()) {
      const scale = 1 / Math.sqrt(moments!.data[all.length + channel]! + eps);
      const y = at.map((i) => (x!.data[i]! - mean) * scale);
      const gradients = at.map((i) => g!.data[i]! * (weight ? weightOf(weight, run, i) : 1));
      const [level, along] = [average(gradients), average(gradients.map((value, i) => value * y[i]!))];
      at.forEach((place, i) => {
        out[place] = scale * (gradients[i]! - level - y[i]! * along);
        const own = Math.floor(place / run) % slopes.length;
        slopes[own]! += g!.data[place]! * y[i]!;
        sums[own]! += g!.data[place]!;
      });
    }
    return weight ? [out, slopes, sums] : [out];
  },
};
