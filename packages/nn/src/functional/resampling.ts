/** Images made larger or smaller: every mode but "area" is a weighted sum of a few neighbours along each dimension. */
import { apply, composite, fail, showShape, type Taps, type Tensor } from "@dl/tensor";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./adaptive.ts";
import { indexTensor } from "./positions.ts";

export type InterpolationMode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "bicubic" | "trilinear" | "area";

/** How one dimension is resampled: `scale` input elements for each output element. */
interface Axis {
  readonly size: number;
  readonly count: number;
  readonly scale: number;
  readonly alignCorners: boolean;
}

type Rule = (axis: Axis, position: number) => readonly (readonly [source: number, weight: number])[];

/** Where output element `i` lies among the input's. */
function sourceOf({ count, size, scale, alignCorners }: Axis, i: number): number {
  if (alignCorners) return count > 1 ? (i * (size - 1)) / (count - 1) : 0;
  return (i + 0.5) * scale - 0.5;
}

const within = (axis: Axis, source: number): number => Math.min(Math.max(source, 0), axis.size - 1);

/** Where the size stays, lines and nearest neighbours ignore a factor that is not 1, as PyTorch's do. */
const stays = ({ count, size }: Axis): boolean => count === size;

const linear: Rule = (axis, i) => {
  const source = stays(axis) ? i : Math.max(sourceOf(axis, i), 0);
  const low = within(axis, Math.floor(source));
  const share = source - low;
  return [
    [low, 1 - share],
    [within(axis, low + 1), share],
  ];
};

/** Keys' cubic with a = −0.75, as PyTorch. */
function cubicWeights(t: number): readonly [number, number, number, number] {
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

const cubic: Rule = (axis, i) => {
  const source = sourceOf(axis, i);
  const low = Math.floor(source);
  return cubicWeights(source - low).map((weight, k) => [within(axis, low - 1 + k), weight] as const);
};

/** Positions as float32 rounds them: PyTorch's choice of neighbour depends on it. */
const nearest: Rule = (axis, i) => [
  [stays(axis) ? i : within(axis, Math.floor(Math.fround(i * Math.fround(axis.scale)))), 1],
];
const nearestExact: Rule = (axis, i) => [
  [within(axis, Math.floor(Math.fround((i + 0.5) * Math.fround(axis.scale)))), 1],
];

const rules: {
  readonly [M in Exclude<InterpolationMode, "area">]: { readonly rule: Rule; readonly ranks: readonly number[] };
} = {
  nearest: { rule: nearest, ranks: [1, 2, 3] },
  "nearest-exact": { rule: nearestExact, ranks: [1, 2, 3] },
  linear: { rule: linear, ranks: [1] },
  bilinear: { rule: linear, ranks: [2] },
  bicubic: { rule: cubic, ranks: [2] },
  trilinear: { rule: linear, ranks: [3] },
};

function tapsOf(axis: Axis, rule: Rule): Taps {
  const bounds = new Int32Array(axis.count + 1);
  const [sources, weights]: [number[], number[]] = [[], []];
  for (let i = 0; i < axis.count; i++) {
    for (const [source, weight] of rule(axis, i)) {
      sources.push(source);
      weights.push(weight);
    }
    bounds[i + 1] = sources.length;
  }
  return { bounds, sources: new Int32Array(sources), weights: new Float64Array(weights) };
}

/** Single elements are picked, whatever their dtype; but not in reverse. */
function resampled(x: Tensor, stages: readonly { readonly dim: number; readonly taps: Taps }[]): Tensor {
  const single = stages.every(({ taps }) => taps.sources.length === taps.bounds.length - 1);
  if (!single || x.requiresGrad) return apply("resample", [x], { stages });
  return stages.reduce(
    (part, { dim, taps: { sources } }) => part.indexSelect(dim, indexTensor(sources, [sources.length], x)),
    x,
  );
}

const growth = ({ count, size }: Axis): number => count / size;

export type Amount = number | readonly number[] | null | undefined;

function axesOf(input: Tensor, size: Amount, scaleFactor: Amount, alignCorners: boolean, recompute: boolean): Axis[] {
  const spatial = input.shape.slice(2);
  if ((size == null) === (scaleFactor == null)) fail("interpolate", "needs either size or scaleFactor");
  const each = (amount: number | readonly number[], i: number): number => {
    if (typeof amount === "number") return amount;
    return (
      amount[amount.length === 1 ? 0 : i] ??
      fail("interpolate", `needs ${spatial.length} numbers, got ${showShape(amount)}`)
    );
  };
  return spatial.map((extent, i): Axis => {
    const factor = scaleFactor == null ? null : each(scaleFactor, i);
    const count = factor === null ? each(size!, i) : Math.floor(extent * factor);
    if (!(count > 0 && extent > 0)) fail("interpolate", `sizes must be > 0, got ${extent} to become ${count}`);
    return { size: extent, count, scale: factor !== null && !recompute ? 1 / factor : extent / count, alignCorners };
  });
}

/** The rule of a mode for an input of so many dimensions. */
function ruleOf(mode: Exclude<InterpolationMode, "area">, { shape }: Tensor): Rule {
  const { rule, ranks } =
    rules[mode] ?? fail("interpolate", `unknown mode "${mode}"`, `Use one of ${Object.keys(rules).join(", ")}, area`);
  if (!ranks.includes(shape.length - 2)) {
    const needed = ranks.map((rank) => `${rank + 2}-d`).join(" or ");
    fail("interpolate", `mode "${mode}" needs ${needed} input, got ${showShape(shape)}`);
  }
  return rule;
}

/** The least growth first; of equals the last where there are more elements afterwards, since it is the slowest. */
function orderOf(axes: readonly Axis[]): number[] {
  return [...axes.keys()].sort((a, b) => {
    const [one, other] = [growth(axes[a]!), growth(axes[b]!)];
    return one - other || (one > 1 ? b - a : a - b);
  });
}

const areas = { 1: adaptiveAvgPool1d, 2: adaptiveAvgPool2d, 3: adaptiveAvgPool3d } as const;

/**
 * Resizes [N, C, L], [N, C, H, W] or [N, C, D, H, W] to `size`, or by `scaleFactor`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
 * @example
 * F.interpolate(floatTensor([[[1, 3]]]), { scaleFactor: 2 }); // tensor([[[1., 1., 3., 3.]]])
 * F.interpolate(rand(1, 3, 8, 8), { size: [16, 16], mode: "bilinear" }).shape; // [1, 3, 16, 16]
 */
export const interpolate = composite(
  "interpolate(input, size?, scaleFactor?, mode?, alignCorners?, recomputeScaleFactor?, antialias?)",
  (
    input: Tensor,
    size?: Amount,
    scaleFactor?: Amount,
    mode: InterpolationMode = "nearest",
    alignCorners?: boolean | null,
    recomputeScaleFactor?: boolean | null,
    antialias: boolean = false,
  ): Tensor => {
    if (antialias) fail("interpolate", "antialiasing is not offered", 'Blur first, or use mode "area"');
    if (alignCorners != null && !/linear|cubic/.test(mode))
      fail("interpolate", `alignCorners does nothing in mode "${mode}"`);
    const axes = axesOf(input, size, scaleFactor, alignCorners ?? false, recomputeScaleFactor ?? false);
    if (mode === "area") {
      const sizes = axes.map(({ count }) => count);
      return areas[sizes.length as 1](input, sizes);
    }
    const rule = ruleOf(mode, input);
    const stages = orderOf(axes).map((i) => ({ dim: i + 2, taps: tapsOf(axes[i]!, rule) }));
    return resampled(input, stages);
  },
);

/** {@link interpolate} by nearest neighbours. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.upsample_nearest.html */
export const upsampleNearest = composite(
  "upsampleNearest(input, size?, scaleFactor?)",
  (input: Tensor, size?: Amount, scaleFactor?: Amount): Tensor => interpolate(input, size, scaleFactor, "nearest"),
);

/** {@link interpolate} by lines between aligned corners, in two dimensions. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.upsample_bilinear.html */
export const upsampleBilinear = composite(
  "upsampleBilinear(input, size?, scaleFactor?)",
  (input: Tensor, size?: Amount, scaleFactor?: Amount): Tensor =>
    interpolate(input, size, scaleFactor, "bilinear", true),
);

/** {@link interpolate} under its older name. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.upsample.html */
export const upsample = composite(
  "upsample(input, size?, scaleFactor?, mode?, alignCorners?)",
  (
    input: Tensor,
    size?: Amount,
    scaleFactor?: Amount,
    mode: InterpolationMode = "nearest",
    alignCorners?: boolean | null,
  ): Tensor => interpolate(input, size, scaleFactor, mode, alignCorners),
);
