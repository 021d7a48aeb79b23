/**
 * The gradient of the weights as a matrix product that sums over pixels. Its rows are the taps of all input channels,
 * its columns the output channels. The output's gradient is packed with its channels side by side. The input is read
 * where it lies, one number for each tap, through a table of the places of pixels.
 */
import { type Expr, type Func, type FuncRef, i32, load, type Module, op } from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { stager } from "./conv-stage.ts";
import { blockBounds } from "./conv-weights.ts";
import { at, copyScalar, type Element, type Int, lastDigit, min, partOf, shareOf } from "./element.ts";
import { storeTile, tileSums } from "./gemm-kernels.ts";
import { byRows, dispatch } from "./numbered.ts";
import { packer } from "./packer.ts";
import { type Tile, tilesFor } from "./tiles.ts";

/** The output channels of a tile. */
export function tileColumns(e: Element, { vectors }: Tile): number {
  return vectors * e.lanes;
}

const taps = ["x0", "x1", "x2", "x3", "x4", "x5"] as const;
const microParams = [...taps, "pixels", "pixelsEnd", "dy", "sums", "sumsRow"] as const;
type Micro = FuncRef<typeof microParams, undefined>;

/**
 * For each pixel, adds the input at some taps times the gradients of neighbouring output channels to a tile of sums.
 */
function tapMicro(m: Module, e: Element, tile: Tile): Micro {
  return m.inner(`taps${tile.rows}`, microParams, (f, p) => {
    const { sums, multiply } = tileSums(f, e, tile);
    const pixel = f.local("i32");
    f.while(op("i32.ne", p.pixels, p.pixelsEnd), () => {
      f.set(pixel, load("i32.load", p.pixels));
      multiply(p.dy, (i) => load(e.loadSplat, op("i32.add", p[taps[i]!], pixel)));
      f.inc(p.pixels, 4);
      f.inc(p.dy, 16 * tile.vectors);
    });
    const target = f.let(p.sums);
    storeTile(f, e, { sums, vectors: tile.vectors, c: target, cRow: p.sumsRow, add: p.sums, addRow: p.sumsRow });
  });
}

type I32 = Expr<"i32">;

const multiplyParams = ["plan", "x", "firstTap", "tapCount", "pixels", "pixelsEnd", "dy", "sums", "sumsRow"] as const;

/** Computes a column of tiles: `tapCount` taps from `firstTap` on, for the output channels of one tile. */
function multiplier(m: Module, e: Element): FuncRef<typeof multiplyParams, undefined> {
  const { wide } = tilesFor(m.options);
  const micros = byRows(wide.rows, (rows) => tapMicro(m, e, { ...wide, rows }));
  return m.inner("multiply", multiplyParams, (f, q) => {
    const { allTaps } = readPlan(f, q.plan, "allTaps");
    const table = f.let(at(allTaps, q.firstTap, 4));
    const blockCount = f.let(op("i32.div_u", op("i32.add", q.tapCount, micros.length - 1), micros.length));
    const blockRows = f.let(op("i32.div_u", q.tapCount, blockCount));
    const blockExtra = f.let(op("i32.rem_u", q.tapCount, blockCount));
    f.range(blockCount, (number) => {
      const block = blockBounds(f, number, { blockRows, blockExtra });
      const tap = (i: number) => op("i32.add", q.x, load("i32.load", at(table, block.first, 4), 4 * i));
      const sums = at(q.sums, block.first, q.sumsRow);
      dispatch(f, block.rows, micros, (micro, rows) => {
        const inputs = taps.map((_, i) => (i < rows ? tap(i) : i32(0))) as [I32, I32, I32, I32, I32, I32];
        f.call(micro, ...inputs, q.pixels, q.pixelsEnd, q.dy, sums, q.sumsRow);
      });
    });
  });
}

const packParams = ["plan", "dy", "outputs", "images", "room", "target"] as const;

/** Packs the gradients of `outputs` channels: by tile, then by image (with room for `room`), then by pixel. */
function gradientPacker(m: Module, e: Element): FuncRef<typeof packParams, undefined> {
  const columns = tileColumns(e, tilesFor(m.options).wide);
  const pack = packer(m, e, columns);
  return m.inner("packGradients", packParams, (f, q) => {
    const p = readPlan(f, q.plan, "rowCount", "rowLength", "yImage", "yChannel");
    const pixels = f.let(op("i32.mul", p.rowCount, p.rowLength));
    const imageBytes = f.let(op("i32.mul", pixels, columns * e.bytes));
    const o = f.local("i32");
    f.for(o, 0, q.outputs, columns, () => {
      const width = min(f, op("i32.sub", q.outputs, o), columns);
      f.range(q.images, (image) => {
        const source = at(at(q.dy, image, p.yImage), o, p.yChannel);
        f.call(pack, at(q.target, image, imageBytes), source, width, pixels, p.yChannel, i32(e.bytes));
      });
      f.set(q.target, at(q.target, q.room, imageBytes));
    });
  });
}

const stageParams = ["plan", "x", "c0", "c1", "images", "target"] as const;

/** Stages the input channels `c0` to `c1` of a group. The others have a place, too, but are not staged. */
function imageStager(m: Module, e: Element): FuncRef<typeof stageParams, undefined> {
  const stage = stager(m, e);
  return m.inner("stageImages", stageParams, (f, q) => {
    const p = readPlan(f, q.plan, "channels", "plane", "xImage", "xChannel");
    f.range(q.images, (image) => {
      const source = at(at(q.x, image, p.xImage), q.c0, p.xChannel);
      const target = at(at(q.target, op("i32.mul", image, p.channels), p.plane), q.c0, p.plane);
      f.call(stage, q.plan, source, target, op("i32.sub", q.c1, q.c0), i32(0));
    });
  });
}

const storeParams = ["sums", "sumsRow", "taps", "outputs", "dw", "dwRow"] as const;

/** Stores the sums, which are rows of output channels, as rows of taps for each output channel. */
function sumStorer(m: Module, e: Element): FuncRef<typeof storeParams, undefined> {
  return m.inner("storeSums", storeParams, (f, q) => {
    f.range(q.outputs, (output) => {
      const from = f.let(at(q.sums, output, e.bytes));
      const to = f.let(at(q.dw, output, q.dwRow));
      f.range(q.taps, () => {
        copyScalar(f, e.name, to, from);
        f.inc(from, q.sumsRow);
        f.inc(to, e.bytes);
      });
    });
  });
}

const unitParams = ["plan", "images", "pixels", "x", "dy", "dw", "group", "c0", "c1", "o0", "o1"] as const;

/** Computes the weights between the input channels `c0` to `c1` and the output channels `o0` to `o1` of a group. */
function weightUnit(m: Module, e: Element): FuncRef<typeof unitParams, undefined> {
  const columns = tileColumns(e, tilesFor(m.options).wide);
  const [multiply, pack, stage, store] = [multiplier(m, e), gradientPacker(m, e), imageStager(m, e), sumStorer(m, e)];
  return m.inner("unit", unitParams, (f, q) => {
    const p = readPlan(f, q.plan, "batch", "channels", "outputs", "rowCount", "rowLength", "tapCount", "staged");
    const { xImage, xChannel, yImage, yChannel } = readPlan(f, q.plan, "xImage", "xChannel", "yImage", "yChannel");
    const pixelCount = f.let(op("i32.mul", p.rowCount, p.rowLength));
    const tapCount = f.let(op("i32.mul", op("i32.sub", q.c1, q.c0), p.tapCount));
    const firstTap = f.let(op("i32.mul", q.c0, p.tapCount));
    const outputs = f.let(op("i32.sub", q.o1, q.o0));
    const firstOutput = f.let(at(q.o0, q.group, p.outputs));
    const tiles = f.let(op("i32.div_u", op("i32.add", outputs, columns - 1), columns));
    const tileBytes = f.let(op("i32.mul", op("i32.mul", q.images, pixelCount), columns * e.bytes));
    const { sums, sumsRow, packed, staged } = placesOf(f, m, { tapCount, tiles, tileBytes, width: columns * e.bytes });
    f.fill(sums, 0, op("i32.mul", tapCount, sumsRow));
    const n = f.local("i32");
    f.for(n, 0, p.batch, q.images, () => {
      const count = min(f, op("i32.sub", p.batch, n), q.images);
      f.call(pack, q.plan, at(at(q.dy, n, yImage), firstOutput, yChannel), outputs, count, q.images, packed);
      const x = f.let(at(at(q.x, n, xImage), op("i32.mul", q.group, p.channels), xChannel));
      f.if(p.staged, () => {
        f.call(stage, q.plan, x, q.c0, q.c1, count, staged);
        f.set(x, staged);
      });
      const pixelsEnd = f.let(at(q.pixels, op("i32.mul", count, pixelCount), 4));
      f.range(tiles, (tile) => {
        const [dy, column] = [at(packed, tile, tileBytes), at(sums, tile, columns * e.bytes)];
        f.call(multiply, q.plan, x, firstTap, tapCount, q.pixels, pixelsEnd, dy, column, sumsRow);
      });
    });
    const weights = f.let(op("i32.mul", op("i32.mul", p.channels, p.tapCount), e.bytes));
    f.call(store, sums, sumsRow, tapCount, outputs, at(at(q.dw, firstOutput, weights), firstTap, e.bytes), weights);
  });
}

interface Extent {
  readonly tapCount: Int;
  readonly tiles: Int;
  readonly tileBytes: Int;
  /** Bytes of a row of a tile. */
  readonly width: number;
}

/** The scratch area: sums, packed gradients, staged images. */
function placesOf(f: Func, m: Module, { tapCount, tiles, tileBytes, width }: Extent) {
  const sumsRow = f.let(op("i32.mul", tiles, width));
  const sums = f.let(m.scratch());
  const packed = f.let(at(sums, tapCount, sumsRow));
  return { sums, sumsRow, packed, staged: f.let(at(packed, tiles, tileBytes)) };
}

/** `weight`: units are parts of the input channels times parts of the output channels, by group. */
export function buildWeight(m: Module, e: Element): void {
  const columns = tileColumns(e, tilesFor(m.options).wide);
  const unit = weightUnit(m, e);
  const params = ["chunk", "chunks", "plan", "inParts", "outParts", "images", "pixels", "x", "dy", "dw"] as const;
  m.func("weight", params, (f, q) => {
    const p = readPlan(f, q.plan, "groups", "channels", "outputs");
    const tiles = f.let(op("i32.div_u", op("i32.add", p.outputs, columns - 1), columns));
    shareOf(f, q, op("i32.mul", p.groups, op("i32.mul", q.inParts, q.outParts)), (number) => {
      const [outPart, rest] = lastDigit(f, number, q.outParts);
      const inPart = f.let(op("i32.rem_u", rest, q.inParts));
      const group = op("i32.div_u", rest, q.inParts);
      const [c0, c1] = partOf(f, p.channels, inPart, q.inParts);
      const [firstTile, endTile] = partOf(f, tiles, outPart, q.outParts);
      const o0 = op("i32.mul", firstTile, columns);
      const o1 = min(f, op("i32.mul", endTile, columns), p.outputs);
      f.call(unit, q.plan, q.images, q.pixels, q.x, q.dy, q.dw, group, c0, c1, o0, o1);
    });
  });
}
