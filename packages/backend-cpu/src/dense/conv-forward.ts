/**
 * Convolution as a matrix product of packed weights and pixels. The pixels are gathered through the tables of
 * `conv-geometry.ts` while they are multiplied (`conv-block.ts`), so no matrix of unfolded windows is ever made.
 */
import { type Func, type Module, op, when } from "../wasm/emitter.ts";
import { type BlockKernel, blockKernel, rectifier, TILE_BYTES } from "./conv-block.ts";
import { readPlan } from "./conv-plan.ts";
import { stager } from "./conv-stage.ts";
import { blockBounds, packWeights } from "./conv-weights.ts";
import { at, type Element, type Int, lastDigit, min, partOf, shareOf } from "./element.ts";
import { byRows, dispatch, type Numbered } from "./numbered.ts";
import { planePool2 } from "./pool-quads.ts";
import { tilesFor } from "./tiles.ts";

/** What follows the convolution: nothing, ReLU, max pooling by 2×2, or both. */
export type After = "store" | "relu" | "pool" | "reluPool";

export const pools = (after: After): boolean => after === "pool" || after === "reluPool";

const params = [
  ...(["chunk", "chunks", "plan", "splits", "x", "w", "bias", "y"] as const),
  ...(["indices", "inWidth", "outHeight", "outWidth"] as const),
] as const;
const fields = [
  ...(["batch", "groups", "channels", "outputs", "tapCount", "blockCount", "blockRows", "blockExtra"] as const),
  ...(["xImage", "xChannel", "yImage", "yChannel", "yRow", "staged"] as const),
  ...(["rowCount", "bandCount", "bandRows", "bandStep"] as const),
] as const;
type Locals = { readonly [K in (typeof params)[number] | (typeof fields)[number]]: Int };

/**
 * Exports `forward`. A unit is a band of an image's group and one of `splits` parts of the output channels. For
 * pooling, the planes of a block of channels are computed in the scratch area and pooled from there to `y` and
 * `indices`.
 */
export function buildForward(m: Module, e: Element, after: After): void {
  const mostRows = tilesFor(m.options).tall.rows;
  const stage = stager(m, e);
  const rectify = after === "relu" ? rectifier(m, e) : undefined;
  const kernels = byRows(mostRows, (rows) => blockKernel(m, e, rows, rectify));
  packWeights(m, e, mostRows);
  const pool = pools(after) ? planePool2(m, after === "reluPool") : undefined;
  m.func("forward", params, (f, q) => {
    const p = { ...q, ...readPlan(f, q.plan, ...fields) };
    const images = f.let(op("i32.mul", p.batch, p.groups));
    const [base, block] = [f.local("i32"), f.local("i32")];
    const weightRow = f.let(op("i32.mul", op("i32.mul", p.channels, p.tapCount), e.bytes));
    const planes = f.let(op("i32.add", m.scratch(), TILE_BYTES));
    const staged = f.let(pool ? at(planes, p.yChannel, mostRows) : planes);
    const planeBytes = f.let(op("i32.shl", op("i32.mul", q.outHeight, q.outWidth), 2));
    const blocks = { e, kernels, base, weightRow, pool: pool && { pool, planes, planeBytes } };
    shareOf(f, q, op("i32.mul", op("i32.mul", images, p.bandCount), q.splits), (number) => {
      const unit = unitOf(f, p, number);
      f.set(base, at(at(q.x, unit.image, p.xImage), op("i32.mul", unit.group, p.channels), p.xChannel));
      f.if(p.staged, () => {
        f.call(stage, q.plan, base, staged, p.channels, unit.band);
        f.set(base, op("i32.sub", staged, op("i32.mul", unit.band, p.bandStep)));
      });
      const [first, end] = partOf(f, p.blockCount, unit.split, q.splits);
      f.for(block, first, end, 1, () => convolveBlock(f, p, blocks, unit, block));
    });
  });
}

/** The band, image, group and part of the output channels of a unit. */
function unitOf(f: Func, p: Locals, unit: Int) {
  const [split, number] = lastDigit(f, unit, p.splits);
  const band = f.let(op("i32.rem_u", number, p.bandCount));
  const firstRow = f.let(op("i32.mul", band, p.bandRows));
  const rowsEnd = min(f, op("i32.add", firstRow, p.bandRows), p.rowCount);
  const rest = f.let(op("i32.div_u", number, p.bandCount));
  const [group, image] = lastDigit(f, rest, p.groups);
  return { split, band, image, group, firstRow, rowsEnd };
}

type Unit = ReturnType<typeof unitOf>;

/** What all blocks of output channels share. */
interface Blocks {
  readonly e: Element;
  readonly kernels: Numbered<BlockKernel>;
  /** The address from which the input is read. */
  readonly base: Int;
  /** Bytes of the weights of one output channel. */
  readonly weightRow: Int;
  readonly pool: Pool | undefined;
}

interface Pool {
  readonly pool: ReturnType<typeof planePool2>;
  /** Where the planes of a block are computed before they are pooled. */
  readonly planes: Int;
  /** Bytes of a pooled plane. */
  readonly planeBytes: Int;
}

function convolveBlock(f: Func, p: Locals, blocks: Blocks, unit: Unit, number: Int): void {
  const { e, kernels, base, weightRow, pool } = blocks;
  const { image, group, firstRow, rowsEnd } = unit;
  const block = blockBounds(f, number, p);
  const channel = f.let(op("i32.add", op("i32.mul", group, p.outputs), block.first));
  const bias = f.let(when(p.bias, at(p.bias, channel, e.bytes), 0));
  const w = f.let(at(p.w, channel, weightRow));
  const place = at(at(at(p.y, image, p.yImage), channel, p.yChannel), firstRow, p.yRow);
  const c = f.let(pool ? pool.planes : place);
  dispatch(f, block.rows, kernels, (kernel) => f.call(kernel, p.plan, w, base, bias, c, firstRow, rowsEnd));
  if (!pool) return;
  const to = f.let(op("i32.mul", at(channel, image, op("i32.mul", p.groups, p.outputs)), pool.planeBytes));
  f.range(block.rows, () => {
    f.call(pool.pool, c, at(p.y, to, 1), at(p.indices, to, 1), p.inWidth, p.outHeight, p.outWidth);
    f.inc(c, p.yChannel);
    f.inc(to, pool.planeBytes);
  });
}
