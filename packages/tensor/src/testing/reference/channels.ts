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

export const channelwise: { readonly [K in StandardizeOp]: Kernel } = {
  standardize: ([x], { eps }) => {
    const [out, channels] = [[...x!.data], channelsOf(x!)];
    for (const { at, mean, variance } of channels) {
      for (const i of at) out[i] = (x!.data[i]! - mean) / Math.sqrt(variance + eps);
    }
    return [out, channels.map(({ mean }) => mean), channels.map(({ variance }) => variance)];
  },
  standardizeBackward: ([g, x], { eps }) => {
    const out = [...x!.data];
    for (const { at, mean, variance } of channelsOf(x!)) {
      const scale = 1 / Math.sqrt(variance + eps);
      const y = at.map((i) => (x!.data[i]! - mean) * scale);
      const gradients = at.map((i) => g!.data[i]!);
      const [level, along] = [average(gradients), average(gradients.map((value, i) => value * y[i]!))];
      at.forEach((place, i) => {
        out[place] = scale * (gradients[i]! - level - y[i]! * along);
      });
    }
    return [out];
  },
};
