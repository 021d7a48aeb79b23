/** Copies channels into their staged form, and back. */
import {
  type Expr,
  type Func,
  type FuncRef,
  i32,
  type Local,
  load,
  type Module,
  op,
  shuffle,
} from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { at, copyScalar, type Element } from "./element.ts";

const stageParams = ["plan", "dense", "staged", "count", "band"] as const;
type StageArguments = { readonly [N in (typeof stageParams)[number]]: Expr<"i32"> };
export type Stage = FuncRef<typeof stageParams, undefined>;

/** A part of a row that is contiguous in staged form. */
export interface Run {
  readonly dense: Local<"i32">;
  readonly staged: Local<"i32">;
  readonly count: Local<"i32">;
  /** Bytes from one element to the next in dense form. */
  readonly step: Local<"i32">;
}

/** Fills a band of `count` channels at `staged` with zeros and copies the dense channels into it. */
export function stager(m: Module, e: Element): Stage {
  return m.inner("stage", stageParams, (f, args) => {
    const { plane, bandStep } = readPlan(f, args.plan, "plane", "bandStep");
    f.fill(args.staged, 0, op("i32.mul", args.count, plane));
    const staged = f.let(op("i32.sub", args.staged, op("i32.mul", args.band, bandStep)));
    forEachRun(f, { ...args, staged }, (run) => {
      for (const step of [1, 2] as const)
        f.if(op("i32.eq", run.step, step * e.bytes), () => copyVectors(f, e, run, step));
      copyElements(f, e, run, ({ dense, staged }) => copyScalar(f, e.name, staged, dense));
    });
  });
}

/** The way back: `count` dense channels, with zeros where the convolution does not look. */
export function unstager(m: Module, e: Element): Stage {
  return m.inner("unstage", stageParams, (f, args) => {
    const { xChannel } = readPlan(f, args.plan, "xChannel");
    f.fill(args.dense, 0, op("i32.mul", args.count, xChannel));
    forEachRun(f, args, (run) => {
      copyElements(f, e, run, ({ dense, staged }) => copyScalar(f, e.name, dense, staged));
    });
  });
}

/** All elements, or every second one. */
function copyVectors(f: Func, e: Element, { dense, staged, count }: Run, step: 1 | 2): void {
  const near = load("v128.load", dense);
  const evens = Array.from({ length: e.lanes }, (_, lane) => 2 * lane);
  const vector = step === 1 ? near : shuffle(near, load("v128.load", dense, 16), evens);
  f.while(op("i32.ge_s", count, e.lanes), () => {
    f.store("v128.store", staged, vector);
    f.inc(dense, 16 * step);
    f.inc(staged, 16);
    f.inc(count, -e.lanes);
  });
}

function copyElements(f: Func, e: Element, run: Run, copy: (run: Run) => void): void {
  f.while(op("i32.gt_s", run.count, 0), () => {
    copy(run);
    f.inc(run.dense, run.step);
    f.inc(run.staged, e.bytes);
    f.inc(run.count, -1);
  });
}

/** Walks channels, planes, rows and phases of a band. */
export function forEachRun(f: Func, args: StageArguments, body: (run: Run) => void): void {
  const { plan, dense, staged, count, band } = args;
  const p = readPlan(
    ...([f, plan, "xChannel", "xPlane", "xRow", "plane", "stagedDepth", "stagedRow"] as const),
    ...(["phaseCount", "phases", "step"] as const),
  );
  const [depth, height] = limits(f, plan, band);
  const run: Run = { dense: f.local("i32"), staged: f.local("i32"), count: f.local("i32"), step: p.step };
  const [z, y] = [f.local("i32"), f.local("i32")];
  f.range(count, (channel) => {
    f.for(z, depth.first, depth.end, 1, () => {
      const from = f.let(at(at(at(dense, channel, p.xChannel), z, p.xPlane), height.first, p.xRow));
      const to = f.let(at(at(at(staged, channel, p.plane), z, p.stagedDepth), height.first, p.stagedRow));
      f.for(y, height.first, height.end, 1, () => {
        f.range(p.phaseCount, (i) => {
          const phase = f.let(at(p.phases, i, 12));
          f.set(run.dense, op("i32.add", from, load("i32.load", phase)));
          f.set(run.staged, op("i32.add", to, load("i32.load", phase, 4)));
          f.set(run.count, load("i32.load", phase, 8));
          body(run);
        });
        f.inc(from, p.xRow);
        f.inc(to, p.stagedRow);
      });
    });
  });
}

/** Which planes and rows of the input lie in the band. */
function limits(f: Func, plan: Expr<"i32">, band: Expr<"i32">) {
  const { bandAxis, bandAdvance, bandBefore, bandFrame, depthUsed, heightUsed } = readPlan(
    ...([f, plan, "bandAxis", "bandAdvance", "bandBefore", "bandFrame", "depthUsed", "heightUsed"] as const),
  );
  const start = f.let(op("i32.sub", op("i32.mul", band, bandAdvance), bandBefore));
  const end = f.let(op("i32.add", start, bandFrame));
  return [depthUsed, heightUsed].map((used, axis) => {
    const isCut = op("i32.eq", bandAxis, axis);
    const [first, last] = [f.let(i32(0)), f.let(used)];
    f.if(op("i32.and", isCut, op("i32.gt_s", start, 0)), () => f.set(first, start));
    f.if(op("i32.and", isCut, op("i32.lt_s", end, used)), () => f.set(last, end));
    return { first, end: last };
  }) as [Bounds, Bounds];
}

interface Bounds {
  readonly first: Local<"i32">;
  readonly end: Local<"i32">;
}
