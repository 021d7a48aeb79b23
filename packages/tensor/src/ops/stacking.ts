/** Several tensors put side by side in NumPy's ways, taken apart again, and combined with each other. */
import { checkName, fail, showShape } from "../errors.ts";
import { tidy } from "../scope.ts";
import { broadcastShapes as broadcastTwo, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { broadcastAll, commonDType } from "./coerce.ts";
import { zeros } from "./creation.ts";
import { cat, stack } from "./joining.ts";
import { wholeNumbers } from "./making.ts";
import { asVector } from "./scattering.ts";
import { composite, isOptions, op } from "./signature.ts";

type Tensors = readonly Tensor[];
/** `f(a, b)` and `f([a, b])`. */
export type Variadic = Tensors | readonly [Tensors];

function listOf(tensors: Variadic): Tensors {
  return Array.isArray(tensors[0]) ? tensors[0] : (tensors as Tensors);
}

function needSome(name: string, tensors: Tensors): void {
  if (tensors.length === 0) fail(name, "needs at least one tensor, got an empty list");
}

/** Of one tensor, or of each of several. */
export interface Lifted {
  (input: Tensor): Tensor;
  (...inputs: Variadic): Tensor[];
}

function lifted(one: (x: Tensor) => Tensor): Lifted {
  return ((...inputs: Variadic): Tensor | Tensor[] => {
    const [first] = inputs;
    if (Array.isArray(first)) return first.map(one);
    return inputs.length === 1 ? one(first as Tensor) : (inputs as Tensors).map(one);
  }) as Lifted;
}

/** At least 1 dimension. @see https://pytorch.org/docs/stable/generated/torch.atleast_1d.html */
export const atleast1d: Lifted = lifted(asVector);
/** At least 2 dimensions, new ones in front. @see https://pytorch.org/docs/stable/generated/torch.atleast_2d.html */
export const atleast2d: Lifted = lifted((x) => (x.ndim === 0 ? x.view(1, 1) : x.ndim === 1 ? x.unsqueeze(0) : x));
/** At least 3 dimensions, [1, n, 1] for a vector. @see https://pytorch.org/docs/stable/generated/torch.atleast_3d.html */
export const atleast3d: Lifted = lifted((x) => {
  if (x.ndim === 0) return x.view(1, 1, 1);
  return x.ndim === 1 ? x.view(1, -1, 1) : x.ndim === 2 ? x.unsqueeze(2) : x;
});

/** {@link cat}. @see https://pytorch.org/docs/stable/generated/torch.concat.html */
export const concat = op("concat(tensors, dim?)", (tensors: Tensors, dim: number = 0): Tensor => cat(tensors, dim));

/** {@link cat}. @see https://pytorch.org/docs/stable/generated/torch.concatenate.html */
export const concatenate = op(
  "concatenate(tensors, dim?)",
  (tensors: Tensors, dim: number = 0): Tensor => cat(tensors, dim),
);

/**
 * Side by side: along the second dimension, vectors along their only one.
 * @see https://pytorch.org/docs/stable/generated/torch.hstack.html
 * @example
 * hstack([tensor([1]), tensor([2, 3])]); // tensor([1, 2, 3])
 */
export const hstack = composite("hstack(tensors)", (tensors: Tensors): Tensor => {
  needSome("hstack", tensors);
  const parts = atleast1d(tensors);
  return cat(parts, parts[0]!.ndim === 1 ? 0 : 1);
});

/**
 * On top of each other: along the first dimension, vectors as rows.
 * @see https://pytorch.org/docs/stable/generated/torch.vstack.html
 * @example
 * vstack([tensor([1, 2]), tensor([3, 4])]); // tensor([[1, 2], [3, 4]])
 */
export const vstack = composite("vstack(tensors)", (tensors: Tensors): Tensor => {
  needSome("vstack", tensors);
  return cat(atleast2d(tensors), 0);
});

/** {@link vstack}. @see https://pytorch.org/docs/stable/generated/torch.row_stack.html */
export const rowStack = op("rowStack(tensors)", (tensors: Tensors): Tensor => vstack(tensors));

/** Behind each other: along the third dimension. @see https://pytorch.org/docs/stable/generated/torch.dstack.html */
export const dstack = composite("dstack(tensors)", (tensors: Tensors): Tensor => {
  needSome("dstack", tensors);
  return cat(atleast3d(tensors), 2);
});

/** {@link hstack} with vectors as columns. @see https://pytorch.org/docs/stable/generated/torch.column_stack.html */
export const columnStack = composite("columnStack(tensors)", (tensors: Tensors): Tensor => {
  needSome("columnStack", tensors);
  return hstack(tensors.map((x) => (x.ndim < 2 ? x.reshape(-1, 1) : x)));
});

/** The shape that all broadcast to. @see https://pytorch.org/docs/stable/generated/torch.broadcast_shapes.html */
export function broadcastShapes(...shapes: readonly (Shape | number)[]): Shape {
  return shapes
    .map((shape) => (typeof shape === "number" ? [shape] : shape))
    .reduce<Shape>((a, b) => broadcastTwo("broadcastShapes", a, b), []);
}

/**
 * All tensors as views of their common shape.
 * @see https://pytorch.org/docs/stable/generated/torch.broadcast_tensors.html
 * @example
 * broadcastTensors(zeros(3, 1), zeros(4)).map(({ shape }) => shape); // [3, 4] [3, 4]
 */
export function broadcastTensors(...tensors: Variadic): Tensor[] {
  const list = listOf(tensors);
  const shape = broadcastAll("broadcastTensors", list);
  return list.map((x) => x.expand(shape));
}

/**
 * Matrices along the diagonal of a larger one; vectors count as rows.
 * @see https://pytorch.org/docs/stable/generated/torch.block_diag.html
 * @example
 * blockDiag(ones(1, 2), ones(1, 1)); // tensor([[1., 1., 0.], [0., 0., 1.]])
 */
export function blockDiag(...tensors: Variadic): Tensor {
  const blocks = atleast2d(listOf(tensors));
  needSome("blockDiag", blocks);
  const wrong = blocks.find((x) => x.ndim > 2);
  if (wrong) fail("blockDiag", `blocks need at most 2 dimensions, got ${showShape(wrong.shape)}`);
  return tidy(() => {
    const total = (dim: number): number => blocks.reduce((sum, { shape }) => sum + shape[dim]!, 0);
    const { device } = blocks[0]!;
    const out = zeros([total(0), total(1)], { dtype: commonDType("blockDiag", blocks), device });
    let [row, column] = [0, 0];
    for (const block of blocks) {
      const [rows, columns] = block.shape as [number, number];
      out.narrow(0, row, rows).narrow(1, column, columns).copy_(block);
      row += rows;
      column += columns;
    }
    return out;
  });
}

/** How {@link meshgrid} lays out the first two dimensions: "ij" as matrices, "xy" as graphs. */
export interface MeshgridOptions {
  readonly indexing?: "ij" | "xy";
}

/**
 * Coordinates of a grid, one tensor for each vector.
 * @see https://pytorch.org/docs/stable/generated/torch.meshgrid.html
 * @example
 * meshgrid([tensor([1, 2]), tensor([3, 4])], { indexing: "ij" }); // [tensor([[1, 1], [2, 2]]), tensor([[3, 4], [3, 4]])]
 */
export function meshgrid(...args: readonly (Tensor | Tensors | MeshgridOptions)[]): Tensor[] {
  const last = args.at(-1);
  const { indexing = "ij" } = isOptions(last) ? (last as MeshgridOptions) : {};
  const axes = listOf(args.filter((arg) => !isOptions(arg)) as unknown as Variadic);
  const wrong = axes.find((x) => x.ndim > 1);
  if (wrong) fail("meshgrid", `needs vectors, got ${showShape(wrong.shape)}`);
  checkName("meshgrid", "indexing", indexing, ["ij", "xy"]);
  const swap = indexing === "xy" && axes.length > 1;
  const ordered = swap ? [axes[1]!, axes[0]!, ...axes.slice(2)] : axes;
  const shape = ordered.map((x) => x.numel());
  const grids = ordered.map((x, i) => x.view(shape.map((size, dim) => (dim === i ? size : 1))).expand(shape));
  return swap ? [grids[1]!, grids[0]!, ...grids.slice(2)] : grids;
}

/**
 * Every choice of one element from each vector, a row each.
 * @see https://pytorch.org/docs/stable/generated/torch.cartesian_prod.html
 * @example
 * cartesianProd(tensor([1, 2]), tensor([3, 4])); // tensor([[1, 3], [1, 4], [2, 3], [2, 4]])
 */
export function cartesianProd(...tensors: Variadic): Tensor {
  const list = listOf(tensors);
  needSome("cartesianProd", list);
  if (list.length === 1) return list[0]!.view(-1);
  return tidy(() =>
    stack(
      meshgrid(...list).map((grid) => grid.reshape(-1)),
      1,
    ),
  );
}

/** How many ways there are to take `r` of `n`. */
function choices(n: number, r: number): number {
  let count = r > n ? 0 : 1;
  for (let k = 1; k <= r; k++) count = (count * (n - r + k)) / k;
  return count;
}

/**
 * Every choice of `r` elements of a vector, in order, a row each.
 * @see https://pytorch.org/docs/stable/generated/torch.combinations.html
 * @example
 * combinations(tensor([1, 2, 3])); // tensor([[1, 2], [1, 3], [2, 3]])
 */
export const combinations = composite(
  "combinations(input, r?, withReplacement?)",
  (input: Tensor, r: number = 2, withReplacement: boolean = false): Tensor => {
    if (input.ndim !== 1) fail("combinations", `needs a vector, got ${showShape(input.shape)}`);
    const n = input.numel();
    const step = withReplacement ? 0 : 1;
    const count = choices(n + (1 - step) * (r - 1), r);
    const index = wholeNumbers([count * r], input.device, (flat) => {
      const chosen = Int32Array.from({ length: r }, (_, k) => k * step);
      for (let at = 0; at < count * r; ) {
        // While the last choice runs, the others stay.
        for (let last = chosen[r - 1]!; last < n; last++) {
          for (let k = 0; k < r - 1; k++) flat[at++] = chosen[k]!;
          flat[at++] = last;
        }
        let k = r - 2;
        while (k > 0 && chosen[k] === n - 1 - (r - 1 - k) * step) k--;
        chosen[k]!++;
        for (k++; k < r; k++) chosen[k] = chosen[k - 1]! + step;
      }
    });
    return input.indexSelect(0, index.to("int64")).view(count, r);
  },
);

/** The product of several matrices. @see https://pytorch.org/docs/stable/generated/torch.chain_matmul.html */
export function chainMatmul(...matrices: Variadic): Tensor {
  const list = listOf(matrices);
  needSome("chainMatmul", list);
  return tidy(() => list.reduce((left, right) => left.matmul(right)));
}
