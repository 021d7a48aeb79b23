/**
 * Convolution by tiles of neighbouring outputs, see `winograd-axis.ts`: windows of the input and the weights are transformed,
 * for each product there is one matrix product over the channels, and the outputs are sums of their results. As many groups
 * of tiles as the packed micro kernel is wide are a panel; a unit of work is some panels, whose numbers stay in the caches.
 */
import { type Func, i32, load, type Module, op, when } from "../wasm/emitter.ts";
import { blockBounds } from "./conv-forward.ts";
import { at, ceilDiv, dispatch, elements, type Int, min, partOf, shareOf } from "./element.ts";
import { type Micro, packedMicro } from "./gemm-kernels.ts";
import { tilesFor } from "./tiles.ts";
import {
  type Axes,
  buildWeights,
  EDGE_BYTES,
  type Ending,
  GAP,
  GROUP,
  isPooled,
  outputCollector,
  productsOf,
  weightBlock,
  windowSpreader,
} from "./winograd-transforms.ts";

/** Bytes of one panel: what is multiplied, and what comes of that. */
export function panelBytes(axes: Axes, vectors: number, channels: number, outputs: number) {
  const products = productsOf(axes);
  return { windows: products * (16 * vectors * channels + GAP), results: products * 16 * vectors * outputs };
}

/** In the order of `frame`. Widths, `plane`, `pitch` and `before` are in bytes. */
export const frameNames = [
  ...(["channels", "depth", "outer", "zeros", "height", "width", "plane", "pitch", "before"] as const),
] as const;
export type Frame = { readonly [K in (typeof frameNames)[number]]: number };

/**
 * `frame`: copies planes into frames of zeros; of the `outer` planes of each channel, those from the first `zeros` on are not
 * empty.
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

/** In the order of `convolve`. */
export const sizeNames = [
  // Each of a kernel's `depth` planes counts as a channel.
  ...(["groups", "unit", "rowGroups", "tileRows", "planes", "channels", "depth", "splits"] as const),
  ...(["blockCount", "blockRows", "blockExtra", "height", "width"] as const),
  // Bytes from one image, channel, plane and row to the next, and from one row of tiles in `y`.
  ...(["xImage", "xChannel", "xPlane", "xRow", "yImage", "yChannel", "yPlane", "yRow", "yTiles"] as const),
] as const;
export type Sizes = { readonly [K in (typeof sizeNames)[number]]: number };

/** `convolve`, and what comes before it. */
export function buildTiled(m: Module, axes: Axes, ending: Ending): void {
  const { wide } = tilesFor(m.options);
  const heights = Array.from({ length: wide.rows }, (_, i) => i + 1);
  const products = productsOf(axes);
  const pooled = isPooled(ending);
  const [tileHeight, perGroup] = [axes.rows.output.length, pooled ? GROUP : 2 * GROUP];
  const row = 16 * wide.vectors;
  buildFrame(m);
  buildWeights(m, axes);
  const micros = heights.map((rows) => [rows, packedMicro(m, elements.f32, { ...wide, rows })] as const);
  const spread = windowSpreader(m, axes);
  const collect = outputCollector(m, axes, ending);
  const addresses = ["flag", "x", "w", "bias", "y", "indices"] as const;
  m.func("convolve", ["chunk", "chunks", ...sizeNames, ...addresses], (f, p) => {
    const channels = f.let(op("i32.div_u", p.channels, p.depth));
    const productStep = f.let(op("i32.add", op("i32.mul", p.channels, row), GAP));
    const windowBytes = f.let(op("i32.mul", productStep, products));
    const windows = f.let(op("i32.add", m.scratch(), EDGE_BYTES));
    const [group, panel, block] = [f.local("i32"), f.local("i32"), f.local("i32")];
    shareOf(f, p, op("i32.mul", ceilDiv(p.groups, p.unit), p.splits), (unit) => {
      const [firstBlock, blocksEnd] = partOf(f, p.blockCount, op("i32.rem_u", unit, p.splits), p.splits);
      const outputs = blockBounds(f, firstBlock, p);
      const outputCount = f.let(op("i32.sub", blockBounds(f, blocksEnd, p).first, outputs.first));
      const resultBytes = f.let(op("i32.mul", outputCount, products * row));
      const first = f.let(op("i32.mul", op("i32.div_u", unit, p.splits), p.unit));
      const count = min(f, op("i32.sub", p.groups, first), p.unit);
      const panels = f.let(ceilDiv(count, wide.vectors));
      const results = f.let(at(windows, panels, windowBytes));
      /** Where a group lies, and what it has of a panel. */
      const place = () => {
        const number = f.let(op("i32.add", first, group));
        const column = f.let(op("i32.rem_u", number, p.rowGroups));
        const tiles = f.let(op("i32.div_u", number, p.rowGroups));
        const tileRow = f.let(op("i32.rem_u", tiles, p.tileRows));
        const planes = f.let(op("i32.div_u", tiles, p.tileRows));
        const z = f.let(op("i32.rem_u", planes, p.planes));
        const image = f.let(op("i32.div_u", planes, p.planes));
        const vector = op("i32.shl", op("i32.rem_u", group, wide.vectors), 4);
        const inPanel = (base: typeof windows, bytes: typeof windows) =>
          op("i32.add", at(base, op("i32.div_u", group, wide.vectors), bytes), vector);
        return { column, tileRow, z, image, inPanel };
      };
      f.for(group, 0, count, 1, () => {
        const { column, tileRow, z, image, inPanel } = place();
        const x = at(at(at(p.x, image, p.xImage), z, p.xPlane), op("i32.mul", tileRow, tileHeight), p.xRow);
        f.call(
          spread,
          ...([at(x, column, 8 * GROUP), p.xChannel, p.xPlane, p.xRow, channels, p.depth] as const),
          ...([inPanel(windows, windowBytes), productStep, i32(row)] as const),
        );
      });
      f.range(i32(products), (product) => {
        f.for(block, firstBlock, blocksEnd, 1, () => {
          const bounds = blockBounds(f, block, p);
          const { start, size } = weightBlock(f, axes, p.w, p.channels, block, bounds);
          const a = f.let(at(start, product, op("i32.add", size, GAP)));
          const aEnd = f.let(op("i32.add", a, size));
          const b = f.let(at(windows, product, productStep));
          const c = f.let(at(at(results, op("i32.sub", bounds.first, outputs.first), products * row), product, row));
          const multiply = (micro: Micro): void => {
            f.for(panel, 0, panels, 1, () => {
              f.call(micro, a, aEnd, b, c, i32(products * row), i32(0), i32(0));
              f.inc(b, windowBytes);
              f.inc(c, resultBytes);
            });
          };
          dispatch(
            f,
            bounds.rows,
            micros.map(([height, micro]) => [height, () => multiply(micro)]),
          );
        });
      });
      f.for(group, 0, count, 1, () => {
        const { column, tileRow, z, image, inPanel } = place();
        const pixel = f.let(at(op("i32.mul", op("i32.mul", tileRow, tileHeight), p.width), column, 2 * GROUP));
        const plane = at(at(op("i32.mul", image, p.yImage), outputs.first, p.yChannel), z, p.yPlane);
        const offset = f.let(at(at(plane, tileRow, p.yTiles), column, 4 * perGroup));
        const bias = when(p.bias, at(p.bias, outputs.first, 4), 0);
        const across = pooled ? op("i32.shr_u", p.width, 1) : p.width;
        const fits = f.let(op("i32.sub", p.height, op("i32.mul", tileRow, tileHeight)));
        const call = (): void =>
          f.call(
            collect,
            ...([inPanel(results, resultBytes), i32(products * row), outputCount, bias] as const),
            ...([op("i32.add", p.y, offset), p.yChannel, p.yRow] as const),
            ...([op("i32.sub", across, op("i32.mul", column, perGroup)), fits, p.flag] as const),
            ...([op("i32.add", p.indices, offset), pixel, p.width] as const),
          );
        // A last row of outputs alone is not pooled.
        if (pooled) f.if(op("i32.gt_s", fits, 1), call);
        else call();
      });
    });
  });
}
