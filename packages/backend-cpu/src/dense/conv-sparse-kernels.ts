/**
 * The two gradients of a convolution for output gradients that are mostly zeros, as those behind max pooling and ReLU are.
 * Images and weights lie with their channels side by side: a row of a window is one run of memory. Of float32.
 */
import { call, type Func, type FuncRef, i32, load, type Module, op } from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { type Runs, tiler } from "./conv-sparse-tiles.ts";
import { forEachRun } from "./conv-stage.ts";
import { at, type Int, partOf, shareOf } from "./element.ts";
import { type Turn, turner } from "./turned.ts";
import { type Check, checker, lister, PLACES } from "./zeros.ts";

/** `prepare`, of images: units are images, by group. */
function buildStage(m: Module, turn: Turn, check: Check): void {
  m.func("prepare", ["chunk", "chunks", "plan", "x", "images", "table"], (f, q) => {
    const p = readPlan(f, q.plan, "batch", "groups", "channels", "plane", "xChannel");
    shareOf(f, q, op("i32.mul", p.batch, p.groups), (unit) => {
      const image = f.let(at(q.images, unit, p.plane));
      const x = f.let(at(q.x, op("i32.mul", unit, p.channels), p.xChannel));
      f.fill(image, 0, p.plane);
      forEachRun(f, { plan: q.plan, dense: x, staged: image, count: i32(1), band: i32(0) }, (run) => {
        f.call(turn, run.dense, run.staged, p.xChannel, op("i32.shl", p.channels, 2), run.count, p.channels);
      });
      f.call(check, image, op("i32.add", image, p.plane), q.table);
    });
  });
}

const planeParams = ["table", "dy", "positions", "count", "plane", "entries"] as const;

/** The list of one plane: of its `count` numbers or, where there are positions, of so many that are somewhere in it. */
function planeLister(m: Module): FuncRef<typeof planeParams, "i32"> {
  const list = lister(m);
  return m.inner("listPlane", planeParams, (f, p) => {
    const start = f.let(op("i32.mul", op("i32.mul", p.plane, p.count), 4));
    const dy = op("i32.add", p.dy, start);
    const places = f.let(op("i32.add", p.table, PLACES));
    const end = f.local("i32");
    f.if(
      p.positions,
      () => {
        f.set(end, call(list, dy, op("i32.add", p.positions, start), p.count, p.table, p.entries));
        const from = f.let(p.entries);
        f.while(op("i32.lt_u", from, end), () => {
          f.store("i32.store", from, load("i32.load", at(places, load("i32.load", from), 4)));
          f.inc(from, 8);
        });
      },
      () => f.set(end, call(list, dy, places, p.count, p.table, p.entries)),
    );
    return end;
  });
}

const params = ["chunk", "chunks", "plan", "table", "parts", "factor", "dy", "positions", "count", "result"] as const;

/** `weight`: units are parts of the output channels, by group; the scratch area holds sums, then a list. */
export function buildSparseWeight(m: Module, runs: Runs): void {
  const turn = turner(m);
  buildStage(m, turn, checker(m));
  const list = planeLister(m);
  const tiles = tiler(m, runs, false);
  const sumBytes = 16 * runs.count * runs.vectors;
  m.func("weight", params, (f, q) => {
    const p = readPlan(f, q.plan, "batch", "groups", "channels", "outputs", "plane", "taps");
    const [n, output, sum] = f.locals("i32", 3) as [Int, Int, Int];
    shareOf(f, q, op("i32.mul", p.groups, q.parts), (unit) => {
      const group = f.let(op("i32.div_u", unit, q.parts));
      const part = f.let(op("i32.rem_u", unit, q.parts));
      const bounds = partOf(f, p.outputs, part, q.parts);
      const [first, end] = bounds.map((bound) => f.let(at(bound, group, p.outputs))) as [Int, Int];
      const sums = f.let(m.scratch());
      const entries = f.let(at(sums, op("i32.sub", end, first), sumBytes));
      f.fill(sums, 0, op("i32.sub", entries, sums));
      f.for(n, 0, p.batch, 1, () => {
        const image = f.let(at(q.factor, at(group, n, p.groups), p.plane));
        f.set(sum, sums);
        f.for(output, first, end, 1, () => {
          const plane = at(output, n, op("i32.mul", p.groups, p.outputs));
          const end = call(list, q.table, q.dy, q.positions, q.count, plane, entries);
          f.call(tiles, entries, end, image, p.taps, sum);
          f.inc(sum, sumBytes);
        });
      });
      f.set(sum, sums);
      const to = f.let(at(q.result, first, op("i32.mul", p.channels, 4 * runs.count * runs.taps)));
      const line = f.let(op("i32.shl", p.channels, 2));
      f.for(output, first, end, 1, () => storeSums(f, turn, runs, { sum, to, line, channels: p.channels }));
    });
  });
}

/** The sums of one output channel, which have the channels of the input side by side, to its weights. */
function storeSums(
  f: Func,
  turn: Turn,
  { count, vectors, taps }: Runs,
  { sum, to, line, channels }: { readonly [K in "sum" | "to" | "line" | "channels"]: Int },
): void {
  f.range(count, () => {
    f.call(turn, sum, to, line, 4 * count * taps, channels, taps);
    f.inc(sum, 16 * vectors);
    f.inc(to, 4 * taps);
  });
  f.inc(to, op("i32.mul", op("i32.sub", channels, 1), 4 * count * taps));
}

/** `prepare`, of weights: units are output channels. */
function buildTurnedWeights(m: Module, turn: Turn, check: Check, taps: number): void {
  m.func("prepare", ["chunk", "chunks", "plan", "w", "packed", "table"], (f, q) => {
    const p = readPlan(f, q.plan, "groups", "channels", "outputs");
    const size = f.let(op("i32.mul", p.channels, 4 * taps));
    shareOf(f, q, op("i32.mul", p.groups, p.outputs), (unit) => {
      const packed = f.let(at(q.packed, unit, size));
      f.call(turn, at(q.w, unit, size), packed, 4 * taps, op("i32.shl", p.channels, 2), taps, p.channels);
      f.call(check, packed, op("i32.add", packed, size), q.table);
    });
  });
}

/** `input`: units are images, by group; the scratch area holds an image, then a list. */
export function buildSparseInput(m: Module, runs: Runs): void {
  const [turn, check] = [turner(m), checker(m)];
  const [list, tiles] = [planeLister(m), tiler(m, runs, true)];
  const taps = runs.count * runs.taps;
  buildTurnedWeights(m, turn, check, taps);
  m.func("input", params, (f, q) => {
    const p = readPlan(f, q.plan, "batch", "groups", "channels", "outputs", "plane");
    const { xChannel, taps: table } = readPlan(f, q.plan, "xChannel", "taps");
    const image = f.let(m.scratch());
    const entries = f.let(op("i32.add", image, p.plane));
    const line = f.let(op("i32.shl", p.channels, 2));
    const [plane, w] = [f.local("i32"), f.local("i32")];
    shareOf(f, q, op("i32.mul", p.batch, p.groups), (unit) => {
      const dx = f.let(at(q.result, op("i32.mul", unit, p.channels), xChannel));
      f.set(plane, op("i32.mul", unit, p.outputs));
      f.set(w, at(q.factor, op("i32.mul", op("i32.rem_u", unit, p.groups), p.outputs), op("i32.mul", line, taps)));
      f.fill(image, 0, p.plane);
      f.range(p.outputs, () => {
        f.call(tiles, entries, call(list, q.table, q.dy, q.positions, q.count, plane, entries), image, table, w);
        f.inc(plane, 1);
        f.inc(w, op("i32.mul", line, taps));
      });
      f.fill(dx, 0, op("i32.mul", p.channels, xChannel));
      forEachRun(f, { plan: q.plan, dense: dx, staged: image, count: i32(1), band: i32(0) }, (run) => {
        f.call(turn, run.staged, run.dense, line, xChannel, p.channels, run.count);
      });
    });
  });
}
