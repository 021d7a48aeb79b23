/**
 * The kernels of Winograd convolution, see `winograd-axis.ts`. Windows of the input and the weights are transformed;
 * then each of the transforms' products is one matrix product over the channels; and the outputs are sums of the
 * results.
 *
 * Four tiles side by side are a *group* (the lanes of a vector); as many groups as the packed micro kernel is wide are
 * a *panel*. A unit of work is some panels, so few that all their numbers stay in the caches.
 */
import { type Expr, type Func, i32, load, type Module, op, when } from "../wasm/emitter.ts";
import { type After, pools } from "./conv-forward.ts";
import { blockBounds } from "./conv-weights.ts";
import { at, ceilDiv, elements, type Int, lastDigit, min, partOf, shareOf } from "./element.ts";
import { type Micro, packedMicro } from "./gemm-kernels.ts";
import { byRows, dispatch, type Numbered } from "./numbered.ts";
import { tilesFor } from "./tiles.ts";
import { advanceOf } from "./winograd-axis.ts";
import {
  type Axes,
  buildWeights,
  EDGE_BYTES,
  GAP,
  GROUP,
  outputCollector,
  productsOf,
  weightBlock,
  windowSpreader,
} from "./winograd-transforms.ts";

/** The bytes of a panel: of its transformed windows, and of the results of the matrix products. */
export function panelBytes(axes: Axes, vectors: number, channels: number, outputs: number) {
  const products = productsOf(axes);
  return { windows: products * (16 * vectors * channels + GAP), results: products * 16 * vectors * outputs };
}

/** The parameters of `frame`. Widths, `plane`, `pitch` and `before` are in bytes. */
export const frameNames = [
  ...(["channels", "depth", "outer", "zeros", "height", "width", "plane", "pitch", "before"] as const),
] as const;
export type Frame = { readonly [K in (typeof frameNames)[number]]: number };

/**
 * Exports `frame`, which copies images into frames of zeros. A frame has `outer` planes for each channel, of which the
 * first `zeros` are padding, followed by the `depth` planes of the image.
 */
function buildFrame(m: Module): void {
  m.func("frame", ["chunk", "chunks", "x", "to", ...frameNames], (f, p) => {
    const [from, to] = [f.local("i32"), f.local("i32")];
    shareOf(f, p, op("i32.mul", p.channels, p.outer), (number) => {
      const plane = f.let(at(p.to, number, p.plane));
      f.fill(plane, 0, p.plane);
      const z = f.let(op("i32.sub", op("i32.rem_u", number, p.outer), p.zeros));
      f.if(op("i32.lt_u", z, p.depth), () => {
        const source = at(z, op("i32.div_u", number, p.outer), p.depth);
        f.set(from, at(p.x, op("i32.mul", source, p.height), p.width));
        f.set(to, op("i32.add", plane, p.before));
        f.range(p.height, () => {
          copyRow(f, from, to, p.width);
          f.inc(from, p.width);
          f.inc(to, p.pitch);
        });
      });
    });
  });
}

function copyRow(f: Func, from: Int, to: Int, bytes: Int): void {
  const [x, y, rest] = [from, to, bytes].map((value) => f.let(value)) as [Int, Int, Int];
  for (const step of [16, 4] as const) {
    f.while(op("i32.ge_s", rest, step), () => {
      if (step === 16) f.store("v128.store", y, load("v128.load", x));
      else f.store("i32.store", y, load("i32.load", x));
      for (const pointer of [x, y]) f.inc(pointer, step);
      f.inc(rest, -step);
    });
  }
}

/** The parameters of `convolve`. */
export const sizeNames = [
  // `channels` counts each channel `depth` times: every plane of the kernel is treated as a channel of its own.
  ...(["groups", "unit", "rowGroups", "tileRows", "planes", "channels", "depth", "splits"] as const),
  ...(["blockCount", "blockRows", "blockExtra", "height", "width"] as const),
  // Bytes from one image, channel, plane and row to the next, and from one row of tiles in `y`.
  ...(["xImage", "xChannel", "xPlane", "xRow", "yImage", "yChannel", "yPlane", "yRow", "yTiles"] as const),
] as const;
export type Sizes = { readonly [K in (typeof sizeNames)[number]]: number };

type SizeLocals = { readonly [K in (typeof sizeNames)[number]]: Int };

/** What the functions of a module share. */
interface Kernels {
  readonly axes: Axes;
  readonly after: After;
  readonly spread: ReturnType<typeof windowSpreader>;
  readonly collect: ReturnType<typeof outputCollector>;
  readonly micros: Numbered<Micro>;
  /** The groups of a panel, which are the vectors in a row of it. */
  readonly vectors: number;
}

/** A unit of work: some groups, and the blocks of output channels that it computes for them. */
interface Unit {
  readonly first: Int;
  readonly count: Int;
  readonly panels: Int;
  readonly firstBlock: Int;
  readonly blocksEnd: Int;
  readonly firstOutput: Int;
  readonly outputs: Int;
  /** The transformed windows, panel by panel and in each of them product by product; then the results. */
  readonly windows: Int;
  readonly productStep: Int;
  readonly windowBytes: Int;
  readonly results: Int;
  readonly resultBytes: Int;
}

/** Exports `convolve`, and the kernels that prepare its operands. */
export function buildTiled(m: Module, axes: Axes, after: After): void {
  const { wide } = tilesFor(m.options);
  buildFrame(m);
  buildWeights(m, axes);
  const kernels: Kernels = {
    ...{ axes, after, vectors: wide.vectors },
    micros: byRows(wide.rows, (rows) => packedMicro(m, elements.f32, { ...wide, rows })),
    spread: windowSpreader(m, axes),
    collect: outputCollector(m, axes, after),
  };
  m.func("convolve", ["chunk", "chunks", ...sizeNames, ...tensorNames], (f, p) => {
    const units = op("i32.mul", ceilDiv(p.groups, p.unit), p.splits);
    const scratch = f.let(op("i32.add", m.scratch(), EDGE_BYTES));
    shareOf(f, p, units, (number) => {
      const unit = unitOf(f, p, kernels, number, scratch);
      spreadGroups(f, p, kernels, unit);
      multiplyPanels(f, p, kernels, unit);
      collectGroups(f, p, kernels, unit);
    });
  });
}

function unitOf(f: Func, p: SizeLocals, { axes, vectors }: Kernels, number: Int, windows: Int): Unit {
  const [products, row] = [productsOf(axes), 16 * vectors];
  const [firstBlock, blocksEnd] = partOf(f, p.blockCount, op("i32.rem_u", number, p.splits), p.splits);
  const firstOutput = blockBounds(f, firstBlock, p).first;
  const outputs = f.let(op("i32.sub", blockBounds(f, blocksEnd, p).first, firstOutput));
  const first = f.let(op("i32.mul", op("i32.div_u", number, p.splits), p.unit));
  const count = min(f, op("i32.sub", p.groups, first), p.unit);
  const panels = f.let(ceilDiv(count, vectors));
  const productStep = f.let(op("i32.add", op("i32.mul", p.channels, row), GAP));
  const windowBytes = f.let(op("i32.mul", productStep, products));
  return {
    ...{ first, count, panels, firstBlock, blocksEnd, firstOutput, outputs, windows, productStep, windowBytes },
    results: f.let(at(windows, panels, windowBytes)),
    resultBytes: f.let(op("i32.mul", outputs, products * row)),
  };
}

/** Runs `body` for every group, with its place in the tensors; `inPanel` is its own in panels of `bytes` from `base` on. */
function forEachGroup(
  f: Func,
  p: SizeLocals,
  { vectors }: Kernels,
  { first, count }: Unit,
  body: (group: Group) => void,
) {
  f.range(count, (group) => {
    const number = f.let(op("i32.add", first, group));
    const [column, tiles] = lastDigit(f, number, p.rowGroups);
    const [tileRow, planes] = lastDigit(f, tiles, p.tileRows);
    const [z, image] = lastDigit(f, planes, p.planes);
    const vector = op("i32.shl", op("i32.rem_u", group, vectors), 4);
    const inPanel = (base: Int, bytes: Int) => op("i32.add", at(base, op("i32.div_u", group, vectors), bytes), vector);
    body({ column, tileRow, z, image, inPanel });
  });
}

interface Group {
  readonly column: Int;
  readonly tileRow: Int;
  readonly z: Int;
  readonly image: Int;
  readonly inPanel: (base: Int, bytes: Int) => Expr<"i32">;
}

function spreadGroups(f: Func, p: SizeLocals & { readonly x: Int }, kernels: Kernels, unit: Unit): void {
  const { axes, spread, vectors } = kernels;
  const channels = f.let(op("i32.div_u", p.channels, p.depth));
  forEachGroup(f, p, kernels, unit, ({ column, tileRow, z, image, inPanel }) => {
    const y = op("i32.mul", tileRow, advanceOf(axes.rows));
    const x = at(at(at(p.x, image, p.xImage), z, p.xPlane), y, p.xRow);
    f.call(
      spread,
      ...([
        at(x, column, 4 * GROUP * advanceOf(axes.columns)),
        p.xChannel,
        p.xPlane,
        p.xRow,
        channels,
        p.depth,
      ] as const),
      ...([inPanel(unit.windows, unit.windowBytes), unit.productStep, i32(16 * vectors)] as const),
    );
  });
}

function multiplyPanels(f: Func, p: SizeLocals & { readonly w: Int }, kernels: Kernels, unit: Unit): void {
  const { axes, micros, vectors } = kernels;
  const { panels, firstOutput, windows, productStep, windowBytes, results, resultBytes } = unit;
  const [products, row] = [productsOf(axes), 16 * vectors];
  const [block, panel] = [f.local("i32"), f.local("i32")];
  f.range(i32(products), (product) => {
    f.for(block, unit.firstBlock, unit.blocksEnd, 1, () => {
      const bounds = blockBounds(f, block, p);
      const { start, size } = weightBlock(f, axes, p.w, p.channels, block, bounds);
      const a = f.let(at(start, product, op("i32.add", size, GAP)));
      const aEnd = f.let(op("i32.add", a, size));
      const b = f.let(at(windows, product, productStep));
      const c = f.let(at(at(results, op("i32.sub", bounds.first, firstOutput), products * row), product, row));
      dispatch(f, bounds.rows, micros, (micro) => {
        f.for(panel, 0, panels, 1, () => {
          f.call(micro, a, aEnd, b, c, i32(products * row), i32(0), i32(0));
          f.inc(b, windowBytes);
          f.inc(c, resultBytes);
        });
      });
    });
  });
}

const tensorNames = ["flag", "x", "w", "bias", "y", "indices"] as const;
type TensorLocals = { readonly [K in (typeof tensorNames)[number]]: Int };

function collectGroups(f: Func, p: SizeLocals & TensorLocals, kernels: Kernels, unit: Unit): void {
  const { axes, collect, after, vectors } = kernels;
  const pooled = pools(after);
  const perGroup = pooled ? GROUP : 2 * GROUP;
  const width = pooled ? op("i32.shr_u", p.width, 1) : p.width;
  forEachGroup(f, p, kernels, unit, ({ column, tileRow, z, image, inPanel }) => {
    const y = f.let(op("i32.mul", tileRow, axes.rows.output.length));
    const pixel = f.let(at(op("i32.mul", y, p.width), column, 2 * GROUP));
    const plane = at(at(op("i32.mul", image, p.yImage), unit.firstOutput, p.yChannel), z, p.yPlane);
    const offset = f.let(at(at(plane, tileRow, p.yTiles), column, 4 * perGroup));
    const bias = when(p.bias, at(p.bias, unit.firstOutput, 4), 0);
    const height = f.let(op("i32.sub", p.height, y));
    const from = inPanel(unit.results, unit.resultBytes);
    const call = (): void =>
      f.call(
        collect,
        ...([from, i32(16 * vectors * productsOf(axes)), unit.outputs, bias] as const),
        ...([op("i32.add", p.y, offset), p.yChannel, p.yRow] as const),
        ...([op("i32.sub", width, op("i32.mul", column, perGroup)), height, p.flag] as const),
        ...([op("i32.add", p.indices, offset), pixel, p.width] as const),
      );
    // A last row of outputs alone is not pooled.
    if (pooled) f.if(op("i32.gt_s", height, 1), call);
    else call();
  });
}
