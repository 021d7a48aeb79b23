/** Copies images of small planes so that the pixels of several lie side by side, and back, see `conv-joined.ts`. */
import { i32, type Module, op } from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { forEachRun } from "./conv-stage.ts";
import { at, copyScalar, type Element, type Int, min, shareOf } from "./element.ts";

/** `join`: joined images, with zeros around them. `part`: the way back. A unit of work is a channel of images that go together. */
export function buildJoined(m: Module, e: Element): void {
  for (const name of ["join", "part"] as const) {
    m.func(name, ["chunk", "chunks", "plan", "units", "images", "batch", "whole", "joined"], (f, q) => {
      const p = readPlan(f, q.plan, "groups", "channels", "plane", "xImage", "xChannel");
      const channels = f.let(op("i32.mul", p.groups, p.channels));
      const [far, near] = f.locals("i32", 2) as [Int, Int];
      shareOf(f, q, op("i32.mul", q.units, channels), (number) => {
        const first = f.let(op("i32.mul", op("i32.div_u", number, channels), q.images));
        // The last ones may be fewer.
        const images = min(f, op("i32.sub", q.batch, first), q.images);
        const staged = f.let(at(q.joined, number, p.plane));
        const dense = f.let(at(at(q.whole, first, p.xImage), op("i32.rem_u", number, channels), p.xChannel));
        if (name === "join") f.fill(staged, 0, p.plane);
        forEachRun(f, { plan: q.plan, dense, staged, count: i32(1), band: i32(0) }, (run) => {
          f.while(run.count, () => {
            f.set(far, run.dense);
            f.set(near, run.staged);
            f.range(images, () => {
              copyScalar(f, e.name, ...(name === "join" ? ([near, far] as const) : ([far, near] as const)));
              f.inc(far, p.xImage);
              f.inc(near, e.bytes);
            });
            f.inc(run.dense, run.step);
            f.inc(run.staged, op("i32.mul", q.images, e.bytes));
            f.inc(run.count, -1);
          });
        });
      });
    });
  }
}
