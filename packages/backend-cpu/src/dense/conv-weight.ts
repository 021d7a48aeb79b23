/**
 * The gradient of the weights as dot products over pixels: a tile of output channels and taps of one row of the kernel is
 * summed over all pixels of a group of images in registers, walking a table of where each vector of pixels lies.
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
  when,
} from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { type Stage, stager } from "./conv-stage.ts";
import { at, combine, type Element, loadScalar, min, shareOf, storeScalar, sumLanes } from "./element.ts";

/** Neighbouring taps of a kernel row that are summed together; offsets in bytes. */
export interface TapGroup {
  /** Which taps of the row: `first` and the ones after it. */
  readonly first: number;
  /** Of the lowest of them, relative to the first tap of the row. */
  readonly base: number;
  /** Of each, relative to `base`. */
  readonly deltas: readonly number[];
}

/** Output channels in a tile, by the number of taps: sums, factors and one vector of pixels fill 15 registers at most. */
const TILE_OUTPUTS = [0, 6, 4, 3, 2, 2] as const;
const MAX_TAPS = 5;
const TMP_BYTES = 512;

/** Output channels in a full tile of a kernel with this width. */
export function tileOutputs(groups: readonly TapGroup[]): number {
  return Math.min(...groups.map(({ deltas }) => TILE_OUTPUTS[deltas.length as 1]));
}

/** Cuts a row of taps (offsets in bytes) into groups of nearly equal size. */
export function tapGroups(taps: readonly number[]): TapGroup[] {
  const count = Math.ceil(taps.length / MAX_TAPS);
  return Array.from({ length: count }, (_, i) => {
    const first = Math.floor((i * taps.length) / count);
    const offsets = taps.slice(first, Math.floor(((i + 1) * taps.length) / count));
    const lowest = Math.min(...offsets);
    return { first, base: lowest - taps[0]!, deltas: offsets.map((offset) => offset - lowest) };
  });
}

const microParams = ["x", "table", "tableEnd", "dy", "dyStep", "tmp"] as const;

/** One vector of partial sums for every output channel and tap, into `tmp`. */
function dotMicro(
  m: Module,
  e: Element,
  outputs: number,
  deltas: readonly number[],
): FuncRef<typeof microParams, undefined> {
  return m.inner(`dots${outputs}x${deltas.length}`, microParams, (f, p) => {
    const sums = f.locals("v128", outputs * deltas.length);
    const factors = f.locals("v128", outputs);
    const pixels = f.local("v128");
    const x = f.local("i32");
    const dy = f.local("i32");
    f.while(op("i32.ne", p.table, p.tableEnd), () => {
      f.set(x, op("i32.add", p.x, load("i32.load", p.table)));
      f.set(dy, op("i32.add", p.dy, load("i32.load", p.table, 4)));
      for (const [o, factor] of factors.entries()) {
        f.set(factor, load("v128.load", dy));
        if (o < outputs - 1) f.inc(dy, p.dyStep);
      }
      for (const [k, delta] of deltas.entries()) {
        f.set(pixels, load("v128.load", x, delta));
        for (const [o, factor] of factors.entries()) {
          const sum = sums[o * deltas.length + k]!;
          f.set(sum, f.madd(e.shape, pixels, factor, sum));
        }
      }
      f.inc(p.table, 8);
    });
    for (const [s, sum] of sums.entries()) f.store("v128.store", p.tmp, sum, 16 * s);
  });
}

const tileParams = ["plan", "x", "table", "tableEnd", "dy", "dyStep", "dw", "dwStep", "first"] as const;

/** All taps of one input channel for some output channels; added to `dw` unless it is the `first` group of images. */
function dotTile(
  m: Module,
  e: Element,
  outputs: number,
  groups: readonly TapGroup[],
): FuncRef<typeof tileParams, undefined> {
  const micros = groups.map(({ deltas }) => dotMicro(m, e, outputs, deltas));
  const width = groups.reduce((sum, { deltas }) => sum + deltas.length, 0);
  return m.inner(`tile${outputs}`, tileParams, (f, q) => {
    const p = readPlan(f, q.plan, "taps", "tapCount");
    const tap = f.local("i32");
    const vector = f.local("v128");
    const tmp = f.let(m.scratch());
    f.for(tap, 0, p.tapCount, width, () => {
      const x = f.let(op("i32.add", q.x, load("i32.load", at(p.taps, tap, 4))));
      groups.forEach(({ first, base, deltas }, i) => {
        f.call(micros[i]!, op("i32.add", x, base), q.table, q.tableEnd, q.dy, q.dyStep, tmp);
        const target = f.let(at(q.dw, op("i32.add", tap, first), e.bytes));
        for (let s = 0; s < outputs * deltas.length; s++) {
          const offset = (s % deltas.length) * e.bytes;
          if (s > 0 && s % deltas.length === 0) f.inc(target, q.dwStep);
          f.set(vector, load("v128.load", tmp, 16 * s));
          const before = when(q.first, combine(e.name, "mul", 0, 0), loadScalar(e.name, target, offset));
          storeScalar(f, e.name, target, combine(e.name, "add", before, sumLanes(e, vector)), offset);
        }
      });
    });
  });
}

type Number = Local<"i32">;

/** The channels of one tensor that a unit works on, for a group of images. */
interface Side {
  readonly plan: Number;
  /** How many images there are room for, and how many there are. */
  readonly images: Number;
  readonly count: Number;
  readonly channels: Expr<"i32">;
  readonly dense: Number;
  /** Where to stage, channel by channel. */
  readonly area: Number;
}

/** Stages the images if that is needed; gives where the first channel starts, and the step to the next. */
function stageSide(f: Func, stage: Stage, side: Side): { start: Number; step: Number } {
  const p = readPlan(f, side.plan, "staged", "plane", "xImage", "xChannel");
  f.if(p.staged, () => {
    f.range(side.channels, (channel) => {
      f.range(side.count, (image) => {
        const source = at(at(side.dense, image, p.xImage), channel, p.xChannel);
        const place = op("i32.add", op("i32.mul", channel, side.images), image);
        f.call(stage, side.plan, source, at(side.area, place, p.plane), i32(1));
      });
    });
  });
  return {
    start: f.let(select(p.staged, side.area, side.dense)),
    step: f.let(select(p.staged, op("i32.mul", side.images, p.plane), p.xChannel)),
  };
}

/** The part'th of `parts` shares of `count`: where it starts, or with `plus` 1, where it ends. */
function bound(count: Number, part: Number, plus: number, parts: Number): Expr<"i32"> {
  return op("i32.div_u", op("i32.mul", op("i32.add", part, plus), count), parts);
}

const unitParams = [
  ...(["plan", "dyPlan", "images", "vectors", "table", "x", "dy", "dw"] as const),
  ...(["group", "c0", "c1", "o0", "o1"] as const),
] as const;

/** The weights of one group from input channels `c0` to `c1` to output channels `o0` to `o1`. */
function weightUnit(m: Module, e: Element, groups: readonly TapGroup[]): FuncRef<typeof unitParams, undefined> {
  const stage = stager(m, e);
  const tiles = [...new Set([tileOutputs(groups), 1])].map((outputs) => ({
    outputs,
    tile: dotTile(m, e, outputs, groups),
  }));
  return m.inner("unit", unitParams, (f, q) => {
    const p = readPlan(f, q.plan, "batch", "channels", "outputs", "tapCount", "staged", "plane", "xImage", "xChannel");
    const y = readPlan(f, q.dyPlan, "xImage", "xChannel");
    const [n, c, o] = [f.local("i32"), f.local("i32"), f.local("i32")];
    const weights = f.let(op("i32.mul", p.tapCount, e.bytes));
    const dwStep = f.let(op("i32.mul", weights, p.channels));
    const channels = f.let(op("i32.sub", q.c1, q.c0));
    const outputs = f.let(op("i32.sub", q.o1, q.o0));
    const firstX = f.let(at(q.c0, q.group, p.channels));
    const firstY = f.let(at(q.o0, q.group, p.outputs));
    const areaX = f.let(op("i32.add", m.scratch(), TMP_BYTES));
    const areaY = f.let(at(areaX, op("i32.mul", channels, q.images), select(p.staged, p.plane, 0)));
    f.for(n, 0, p.batch, q.images, () => {
      const count = min(f, op("i32.sub", p.batch, n), q.images);
      const denseX = f.let(at(at(q.x, n, p.xImage), firstX, p.xChannel));
      const denseY = f.let(at(at(q.dy, n, y.xImage), firstY, y.xChannel));
      const common = { images: q.images, count };
      const x = stageSide(f, stage, { ...common, plan: q.plan, channels, dense: denseX, area: areaX });
      const dy = stageSide(f, stage, { ...common, plan: q.dyPlan, channels: outputs, dense: denseY, area: areaY });
      const tableEnd = f.let(at(q.table, op("i32.mul", count, q.vectors), 8));
      f.for(c, q.c0, q.c1, 1, () => {
        f.set(o, q.o0);
        for (const { outputs, tile } of tiles) {
          f.while(op("i32.le_s", op("i32.add", o, outputs), q.o1), () => {
            const dyStart = at(dy.start, op("i32.sub", o, q.o0), dy.step);
            const dw = at(at(q.dw, at(o, q.group, p.outputs), dwStep), c, weights);
            f.call(tile, q.plan, x.start, q.table, tableEnd, dyStart, dy.step, dw, dwStep, op("i32.eqz", n));
            f.inc(o, outputs);
          });
        }
        f.inc(x.start, x.step);
      });
    });
  });
}

/**
 * `weight`: units are parts of the input channels times parts of the output channels, by group. `table` has the places of
 * `vectors` vectors for each of `images` images; `dyPlan` says how the output's gradient is staged.
 */
export function buildWeight(m: Module, e: Element, groups: readonly TapGroup[]): void {
  const full = tileOutputs(groups);
  const run = weightUnit(m, e, groups);
  const splitParams = ["chunk", "chunks", "inParts", "outParts"] as const;
  const params = [...splitParams, "plan", "dyPlan", "images", "vectors", "table", "x", "dy", "dw"] as const;
  m.func("weight", params, (f, q) => {
    const p = readPlan(f, q.plan, "groups", "channels", "outputs");
    const blocks = f.let(op("i32.div_u", op("i32.add", p.outputs, full - 1), full));
    shareOf(f, q, op("i32.mul", p.groups, op("i32.mul", q.inParts, q.outParts)), (unit) => {
      const outPart = f.let(op("i32.rem_u", unit, q.outParts));
      const rest = f.let(op("i32.div_u", unit, q.outParts));
      const inPart = f.let(op("i32.rem_u", rest, q.inParts));
      const group = op("i32.div_u", rest, q.inParts);
      const c0 = bound(p.channels, inPart, 0, q.inParts);
      const c1 = bound(p.channels, inPart, 1, q.inParts);
      const o0 = op("i32.mul", bound(blocks, outPart, 0, q.outParts), full);
      const o1 = min(f, op("i32.mul", bound(blocks, outPart, 1, q.outParts), full), p.outputs);
      f.call(run, q.plan, q.dyPlan, q.images, q.vectors, q.table, q.x, q.dy, q.dw, group, c0, c1, o0, o1);
    });
  });
}
