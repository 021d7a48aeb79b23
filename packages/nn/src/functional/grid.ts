/** Sampling at points of a grid that the user computes: differentiable in the image and in the points. */
import {
  apply,
  checkName,
  composite,
  fail,
  linspace,
  type Shape,
  showShape,
  stack,
  type Tensor,
  where,
  zerosLike,
} from "@dl/tensor";

export type GridMode = "bilinear" | "nearest" | "bicubic";
export type GridPadding = "zeros" | "border" | "reflection";

/** Coordinates in [−1, 1] as positions among `size` elements. */
function unnormalize(x: Tensor, size: number, alignCorners: boolean): Tensor {
  return alignCorners ? x.add(1).mul((size - 1) / 2) : x.add(1).mul(size).sub(1).div(2);
}

/** Folds positions into [low / 2, high / 2]. */
function reflect(x: Tensor, low: number, high: number): Tensor {
  if (low === high) return zerosLike(x);
  const span = (high - low) / 2;
  const distance = x.sub(low / 2).abs();
  const rest = distance.fmod(span);
  const even = distance.detach().div(span).floor().remainder(2).eq(0);
  return where(even, rest.add(low / 2), rest.neg().add(span + low / 2));
}

function settle(position: Tensor, size: number, padding: GridPadding, alignCorners: boolean): Tensor {
  if (padding === "zeros") return position;
  const folded =
    padding === "border"
      ? position
      : alignCorners
        ? reflect(position, 0, 2 * (size - 1))
        : reflect(position, -1, 2 * size - 1);
  return where(folded.le(0), 0, where(folded.ge(size - 1), size - 1, folded));
}

/** 0, whose slope for `x` is 0. */
const nothing = (x: Tensor): Tensor | 0 => (x.requiresGrad ? apply("copysign", [0, x]).abs() : 0);

/** The image's values at whole positions, zeros outside. */
function fetch(input: Tensor, positions: readonly Tensor[]): Tensor {
  const sizes = input.shape.slice(2);
  const [batch, channels] = input.shape as [number, number];
  const clamped = positions.map((x, i) => x.clamp({ min: 0, max: sizes[i]! - 1 }));
  const inside = positions.map((x, i) => x.ge(0).logicalAnd(x.lt(sizes[i]!))).reduce((all, one) => all.logicalAnd(one));
  const flat = clamped.map((x) => x.to("int64")).reduce((base, x, i) => base.mul(sizes[i]!).add(x));
  const points = flat.shape.slice(1);
  const index = flat.view(batch, 1, -1).expand(batch, channels, -1);
  const values = input
    .flatten(2)
    .gather(2, index)
    .view([batch, channels, ...points]);
  return where(inside.unsqueeze(1), values, nothing(positions[0]!.unsqueeze(1)));
}

type Sampler = (input: Tensor, positions: readonly Tensor[], settled: (x: Tensor, axis: number) => Tensor) => Tensor;

const nearest: Sampler = (input, positions, settled) =>
  fetch(
    input,
    positions.map((x, axis) => settled(x, axis).round()),
  );

/** The weighted sum over the 2ⁿ corners around each point. */
const bilinear: Sampler = (input, positions, settled) => {
  const exact = positions.map(settled);
  const low = exact.map((x) => x.detach().floor());
  const share = exact.map((x, axis) => x.sub(low[axis]!));
  let sum: Tensor | undefined;
  for (let corner = 0; corner < 2 ** exact.length; corner++) {
    const upper = exact.map((_, axis) => (corner >> axis) % 2 === 1);
    const weight = share.map((s, axis) => (upper[axis] ? s : s.neg().add(1))).reduce((product, s) => product.mul(s));
    const values = fetch(
      input,
      low.map((x, axis) => (upper[axis] ? x.add(1) : x)),
    );
    const term = values.mul(weight.unsqueeze(1));
    sum = sum ? sum.add(term) : term;
  }
  return sum!;
};

/** Keys' cubic with a = −0.75, over 4 × 4 neighbours. */
const bicubic: Sampler = (input, positions, settled) => {
  const low = positions.map((x) => x.detach().floor());
  const weights = positions.map((x, axis) => cubicShares(x.sub(low[axis]!)));
  const rows = [0, 1, 2, 3].map((i) => {
    const row = [0, 1, 2, 3].map((j) => {
      const at = [low[0]!.add(i - 1), low[1]!.add(j - 1)].map((x, axis) => settled(x, axis).round());
      return fetch(input, at).mul(weights[1]![j]!.unsqueeze(1));
    });
    return row.reduce((sum, term) => sum.add(term)).mul(weights[0]![i]!.unsqueeze(1));
  });
  return rows.reduce((sum, row) => sum.add(row));
};

function cubicShares(t: Tensor): Tensor[] {
  const a = -0.75;
  const near = (x: Tensor): Tensor =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x)
      .mul(x)
      .add(1);
  const far = (x: Tensor): Tensor =>
    x
      .mul(a)
      .sub(5 * a)
      .mul(x)
      .add(8 * a)
      .mul(x)
      .sub(4 * a);
  const rest = t.neg().add(1);
  return [far(t.add(1)), near(t), near(rest), far(rest.add(1))];
}

const samplers: { readonly [M in GridMode]: Sampler } = { nearest, bilinear, bicubic };

/**
 * Samples [N, C, H, W] at grid [N, H', W', 2] (or [N, C, D, H, W] at [N, D', H', W', 3]); points are (x, y[, z]) in
 * [−1, 1].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
 */
export const gridSample = composite(
  "gridSample(input, grid, mode?, paddingMode?, alignCorners?)",
  (
    input: Tensor,
    grid: Tensor,
    mode: GridMode = "bilinear",
    paddingMode: GridPadding = "zeros",
    alignCorners?: boolean | null,
  ): Tensor => {
    const rank = input.ndim - 2;
    if ((rank !== 2 && rank !== 3) || grid.ndim !== input.ndim || grid.shape.at(-1) !== rank) {
      fail(
        "gridSample",
        `needs [N, C, H, W] and [N, H', W', 2], or 5-d likewise, got ${showShape(input.shape)} and ${showShape(grid.shape)}`,
      );
    }
    if (mode === "bicubic" && rank !== 2) fail("gridSample", "bicubic needs a 4-d input");
    checkName("gridSample", "mode", mode, Object.keys(samplers));
    checkName("gridSample", "paddingMode", paddingMode, ["zeros", "border", "reflection"]);
    const sizes = input.shape.slice(2);
    const corners = alignCorners ?? false;
    // Points name the last dimension first.
    const positions = sizes.map((size, axis) => unnormalize(grid.select(-1, rank - 1 - axis), size, corners));
    return samplers[mode](input, positions, (x, axis) => settle(x, sizes[axis]!, paddingMode, corners));
  },
);

/** The grid that an affine map [N, 2, 3] (or [N, 3, 4]) makes for outputs of `size`. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.affine_grid.html */
export const affineGrid = composite(
  "affineGrid(theta, size, alignCorners?)",
  (theta: Tensor, size: Shape, alignCorners?: boolean | null): Tensor => {
    const spatial = size.slice(2);
    const like = { dtype: theta.dtype, device: theta.device } as { dtype: "float32"; device: string };
    const axes = spatial.map((count, axis) => {
      const edge = alignCorners ? 1 : 1 - 1 / count;
      const line = count === 1 ? linspace(0, 0, 1, like) : linspace(-edge, edge, count, like);
      return line.view(spatial.map((_, d) => (d === axis ? -1 : 1))).expand(spatial);
    });
    const points = stack([...axes.reverse(), axes[0]!.mul(0).add(1)], -1).view(1, -1, spatial.length + 1);
    return points.matmul(theta.transpose(1, 2)).view([size[0]!, ...spatial, spatial.length]);
  },
);
