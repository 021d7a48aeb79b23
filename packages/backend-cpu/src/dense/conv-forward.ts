/**
 * Convolution as a matrix product that gathers its right side: for a tile of output channels and neighbouring pixels, a
 * loop over the taps loads the pixels through the table of offsets. Nothing is unfolded, and weights are packed once.
 */
import {
  type Expr,
  type Func,
  type FuncRef,
  i32,
  type Local,
  load,
  type Module,
  op,
  select,
  splat,
  when,
} from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { stager } from "./conv-stage.ts";
import { at, dispatch, type Element, loadScalar, min, partOf, shareOf, storeScalar } from "./element.ts";
import { tileSums } from "./gemm-kernels.ts";
import { packer } from "./packer.ts";
import { planePool2 } from "./pool-max.ts";
import { type Tile, tilesFor } from "./tiles.ts";

/** Room for one tile, at the start of the scratch area. */
export const TILE_BYTES = 512;

const microParams = ["a", "taps", "tapsEnd", "b", "bias", "c", "cRow"] as const;
type Micro = FuncRef<typeof microParams, undefined>;

/**
 * What becomes of sums: they are stored; so are those above 0, and 0 for the others; or whole planes are pooled, as they are
 * or as ReLU leaves them.
 */
export type After = "store" | "relu" | "pool" | "reluPool";

export const pools = (after: After): boolean => after === "pool" || after === "reluPool";

/** C[rows × vectors] = bias + Σ over taps of packed weights times the pixels at the tap. */
function gatherMicro(m: Module, e: Element, tile: Tile): Micro {
  const { rows, vectors } = tile;
  return m.inner(`gather${rows}x${vectors}`, microParams, (f, p) => {
    const { sums, multiply } = tileSums(f, e, tile);
    const at = f.local("i32");
    f.if(p.bias, () => {
      for (const [s, sum] of sums.entries()) {
        const first = sums[s - (s % vectors)]!;
        f.set(sum, s % vectors === 0 ? load(e.loadSplat, p.bias, (s / vectors) * e.bytes) : first);
      }
    });
    f.while(op("i32.ne", p.taps, p.tapsEnd), () => {
      f.set(at, op("i32.add", p.b, load("i32.load", p.taps)));
      multiply(at, (i) => load(e.loadSplat, p.a, i * e.bytes));
      f.inc(p.a, rows * e.bytes);
      f.inc(p.taps, 4);
    });
    for (const [s, sum] of sums.entries()) {
      f.store("v128.store", p.c, sum, 16 * (s % vectors));
      if (s % vectors === vectors - 1) f.inc(p.c, p.cRow);
    }
  });
}

const blockParams = ["plan", "w", "base", "bias", "c", "row", "rowsEnd"] as const;
type BlockKernel = FuncRef<typeof blockParams, undefined>;

/** Some rows of pixels of `rows` output channels. The last tile of a row overlaps the one before it, where there is one. */
function blockKernel(m: Module, e: Element, rows: number, rectify: Rectify | undefined): BlockKernel {
  const micros = [2, 1].map((vectors) => ({ width: vectors * e.lanes, micro: gatherMicro(m, e, { rows, vectors }) }));
  return m.inner(`block${rows}`, blockParams, (f, q) => {
    const names = ["allTaps", "tapCount", "channels", "rows", "rowLength", "yChannel", "yRow"] as const;
    const p = readPlan(f, q.plan, ...names);
    const tapsEnd = f.let(at(p.allTaps, op("i32.mul", p.tapCount, p.channels), 4));
    const b = f.local("i32");
    const x = f.local("i32");
    const tile = (micro: Micro, from: Expr<"i32">, c: Expr<"i32">, cRow: Expr<"i32">): void => {
      f.call(micro, q.w, p.allTaps, tapsEnd, at(b, from, e.bytes), q.bias, c, cRow);
    };
    f.for(q.row, q.row, q.rowsEnd, 1, () => {
      f.set(b, op("i32.add", q.base, load("i32.load", at(p.rows, q.row, 4))));
      f.set(x, 0);
      const [wide, narrow] = micros as [(typeof micros)[0], (typeof micros)[0]];
      f.while(op("i32.le_s", op("i32.add", x, wide.width), p.rowLength), () => {
        tile(wide.micro, x, at(q.c, x, e.bytes), p.yChannel);
        f.inc(x, wide.width);
      });
      const rest = f.let(op("i32.sub", p.rowLength, x));
      const last = ({ width, micro }: typeof wide): void => {
        const start = f.let(op("i32.sub", p.rowLength, width));
        f.if(
          op("i32.ge_s", start, 0),
          () => tile(micro, start, at(q.c, start, e.bytes), p.yChannel),
          () => {
            const tmp = f.let(m.scratch());
            tile(micro, x, tmp, i32(width * e.bytes));
            copyOut(f, e, { rows, width, from: tmp, to: q.c, toRow: p.yChannel, count: rest });
          },
        );
      };
      f.if(
        op("i32.gt_s", rest, e.lanes),
        () => last(wide),
        () => f.if(rest, () => last(narrow)),
      );
      if (rectify) f.call(rectify, q.c, p.rowLength, p.yChannel, rows);
      f.inc(q.c, p.yRow);
    });
  });
}

const rectifyParams = ["c", "length", "pitch", "rows"] as const;
type Rectify = FuncRef<typeof rectifyParams, undefined>;

/** ReLU of rows that were just written. In the micro kernel it would make V8 load first and add later, out of registers. */
function rectifier(m: Module, e: Element): Rectify {
  return m.inner("rectify", rectifyParams, (f, p) => {
    const x = f.local("i32");
    f.range(p.rows, () => {
      f.set(x, p.c);
      const end = f.let(at(p.c, p.length, e.bytes));
      for (const vectors of [4, 1]) {
        f.while(op("i32.ge_u", op("i32.sub", end, x), 16 * vectors), () => {
          for (let offset = 0; offset < 16 * vectors; offset += 16) {
            // The sum makes 0 of -0.
            const largest = op(`${e.shape}.pmax`, load("v128.load", x, offset), splat(e.shape, 0));
            f.store("v128.store", x, op(`${e.shape}.add`, largest, splat(e.shape, 0)), offset);
          }
          f.inc(x, 16 * vectors);
        });
      }
      f.while(op("i32.lt_u", x, end), () => {
        storeScalar(f, e.name, x, op(`${e.name}.max`, loadScalar(e.name, x) as never, 0));
        f.inc(x, e.bytes);
      });
      f.inc(p.c, p.pitch);
    });
  });
}

interface TileCopy {
  readonly rows: number;
  readonly width: number;
  readonly from: Local<"i32">;
  readonly to: Local<"i32">;
  readonly toRow: Local<"i32">;
  readonly count: Local<"i32">;
}

/** The first `count` columns of a tile. */
function copyOut(f: Func, e: Element, { rows, width, from, to, toRow, count }: TileCopy): void {
  const target = f.let(to);
  f.range(count, () => {
    const t = f.let(target);
    for (let i = 0; i < rows; i++) {
      storeScalar(f, e.name, t, loadScalar(e.name, from, i * width * e.bytes));
      f.inc(t, toRow);
    }
    f.inc(from, e.bytes);
    f.inc(target, e.bytes);
  });
}

/** The block with a number: how many rows it has, and its first row. */
export function blockBounds(f: Func, number: Expr<"i32">, p: { blockRows: Local<"i32">; blockExtra: Local<"i32"> }) {
  const isBigger = f.let(op("i32.lt_s", number, p.blockExtra));
  return {
    rows: f.let(op("i32.add", p.blockRows, isBigger)),
    first: f.let(op("i32.add", op("i32.mul", number, p.blockRows), select(isBigger, number, p.blockExtra))),
  };
}

/**
 * `packWeights`: for every block of rows, its weights for one tap after the other. A row's weights lie in `outer` runs of
 * `count`, `outerStep` and `step` apart; rows lie `line` apart. There are `parts` matrices of `rows` in each group,
 * `partStep` apart, groups `groupStep`.
 */
export function packWeights(m: Module, e: Element, heights: readonly number[]): void {
  const packers = heights.map((height) => [height, packer(m, e, height)] as const);
  const places = ["parts", "partStep", "rows", "outer", "outerStep", "count", "step", "line", "groupStep"] as const;
  m.func("packWeights", ["chunk", "chunks", "plan", "w", "packed", ...places], (f, q) => {
    const p = readPlan(f, q.plan, "groups", "blockCount", "blockRows", "blockExtra");
    shareOf(f, q, op("i32.mul", op("i32.mul", p.groups, q.parts), p.blockCount), (unit) => {
      const matrix = f.let(op("i32.div_u", unit, p.blockCount));
      const block = blockBounds(f, op("i32.rem_u", unit, p.blockCount), p);
      const first = at(
        at(q.w, op("i32.div_u", matrix, q.parts), q.groupStep),
        op("i32.rem_u", matrix, q.parts),
        q.partStep,
      );
      const source = f.let(at(first, block.first, q.line));
      const packedRow = f.let(op("i32.mul", op("i32.mul", q.outer, q.count), e.bytes));
      const target = f.let(at(q.packed, at(block.first, matrix, q.rows), packedRow));
      f.range(q.outer, () => {
        dispatch(
          f,
          block.rows,
          packers.map(([row, pack]) => [row, () => f.call(pack, target, source, i32(row), q.count, q.line, q.step)]),
        );
        f.inc(source, q.outerStep);
        f.inc(target, op("i32.mul", op("i32.mul", q.count, block.rows), e.bytes));
      });
    });
  });
}

/**
 * `forward`: units are bands of images, by group, in `splits` parts of the output channels. To pool, whole planes of a
 * block of channels, float32, are pooled while they are near, by windows of 2×2, to `y` and `indices`.
 */
export function buildForward(m: Module, e: Element, after: After): void {
  const rows = Array.from({ length: tilesFor(m.options).tall.rows }, (_, i) => i + 1);
  const stage = stager(m, e);
  const rectify = after === "relu" ? rectifier(m, e) : undefined;
  const kernels = rows.map((row) => [row, blockKernel(m, e, row, rectify)] as const);
  packWeights(m, e, rows);
  const pool = pools(after) ? planePool2(m, after === "reluPool") : undefined;
  const poolParams = ["indices", "inWidth", "outHeight", "outWidth"] as const;
  m.func("forward", ["chunk", "chunks", "plan", "splits", "x", "w", "bias", "y", ...poolParams], (f, q) => {
    const names = [
      "batch",
      "groups",
      "channels",
      "outputs",
      "tapCount",
      "blockCount",
      "blockRows",
      "blockExtra",
    ] as const;
    const p = readPlan(f, q.plan, ...names, "xImage", "xChannel", "yImage", "yChannel", "yRow", "staged");
    const { rowCount, bandCount, bandRows, bandStep } = readPlan(
      ...([f, q.plan, "rowCount", "bandCount", "bandRows", "bandStep"] as const),
    );
    const images = f.let(op("i32.mul", p.batch, p.groups));
    const base = f.local("i32");
    const b = f.local("i32");
    const weightRow = f.let(op("i32.mul", op("i32.mul", p.channels, p.tapCount), e.bytes));
    const planes = f.let(op("i32.add", m.scratch(), TILE_BYTES));
    const afterPlanes = f.let(pool ? at(planes, p.yChannel, rows.length) : planes);
    const pooledPlane = f.let(op("i32.shl", op("i32.mul", q.outHeight, q.outWidth), 2));
    shareOf(f, q, op("i32.mul", op("i32.mul", images, bandCount), q.splits), (unit) => {
      const split = f.let(op("i32.rem_u", unit, q.splits));
      const number = f.let(op("i32.div_u", unit, q.splits));
      const band = f.let(op("i32.rem_u", number, bandCount));
      const firstRow = f.let(op("i32.mul", band, bandRows));
      const rowsEnd = min(f, op("i32.add", firstRow, bandRows), rowCount);
      const rest = f.let(op("i32.div_u", number, bandCount));
      const group = f.let(op("i32.rem_u", rest, p.groups));
      const image = f.let(op("i32.div_u", rest, p.groups));
      f.set(base, at(at(q.x, image, p.xImage), op("i32.mul", group, p.channels), p.xChannel));
      f.if(p.staged, () => {
        f.call(stage, q.plan, base, afterPlanes, p.channels, band);
        f.set(base, op("i32.sub", afterPlanes, op("i32.mul", band, bandStep)));
      });
      const [first, end] = partOf(f, p.blockCount, split, q.splits);
      f.for(b, first, end, 1, () => {
        const block = blockBounds(f, b, p);
        const channel = f.let(op("i32.add", op("i32.mul", group, p.outputs), block.first));
        const bias = f.let(when(q.bias, at(q.bias, channel, e.bytes), 0));
        const w = f.let(at(q.w, channel, weightRow));
        const c = f.let(pool ? planes : at(at(at(q.y, image, p.yImage), channel, p.yChannel), firstRow, p.yRow));
        dispatch(
          f,
          block.rows,
          kernels.map(([row, kernel]) => [row, () => f.call(kernel, q.plan, w, base, bias, c, firstRow, rowsEnd)]),
        );
        if (!pool) return;
        const to = f.let(op("i32.mul", at(channel, image, op("i32.mul", p.groups, p.outputs)), pooledPlane));
        f.range(block.rows, () => {
          f.call(pool, c, at(q.y, to, 1), at(q.indices, to, 1), q.inWidth, q.outHeight, q.outWidth);
          f.inc(c, p.yChannel);
          f.inc(to, pooledPlane);
        });
      });
    });
  });
}
