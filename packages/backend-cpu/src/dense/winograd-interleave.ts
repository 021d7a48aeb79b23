/** Tensors whose channels lie side by side, four in a vector: for kernels that treat channels as lanes. */
import { type Func, type Local, load, type Module, op, shuffle } from "../wasm/emitter.ts";
import { at, type Int, min, shareOf } from "./element.ts";

type Vector = Local<"v128">;

/** Channels in a vector. */
export const LANES = 4;
/** Its bytes. */
export const VECTOR = 16;

/** In the order of `interleave`; `plane`, `row` and `before` are in bytes. */
export const interleaveNames = [
  ...(["units", "channels", "vectors", "depth", "outer", "zeros", "height", "width"] as const),
  ...(["plane", "row", "before"] as const),
] as const;
export type Interleaved = { readonly [K in (typeof interleaveNames)[number]]: number };

/** `interleave`: vectors of four channels, pixel by pixel, in frames of zeros; what lacks channels repeats the last one. */
export function buildInterleave(m: Module): void {
  m.func("interleave", ["chunk", "chunks", "x", "to", ...interleaveNames], (f, p) => {
    const size = f.let(op("i32.mul", op("i32.mul", p.height, p.width), 4));
    const lines = f.locals("i32", LANES);
    const to = f.local("i32");
    shareOf(f, p, p.units, (unit) => {
      const plane = f.let(at(p.to, unit, p.plane));
      f.fill(plane, 0, p.plane);
      const z = f.let(op("i32.sub", op("i32.rem_u", unit, p.outer), p.zeros));
      f.if(op("i32.lt_u", z, p.depth), () => {
        const number = f.let(op("i32.div_u", unit, p.outer));
        const first = f.let(op("i32.mul", op("i32.rem_u", number, p.vectors), LANES));
        const image = f.let(op("i32.mul", op("i32.div_u", number, p.vectors), p.channels));
        for (const [i, line] of lines.entries()) {
          const channel = min(f, op("i32.add", first, i), op("i32.sub", p.channels, 1));
          f.set(line, at(p.x, at(z, op("i32.add", image, channel), p.depth), size));
        }
        f.set(to, op("i32.add", plane, p.before));
        f.range(p.height, () => {
          interleaveRow(f, lines, to, p.width);
          f.inc(to, p.row);
        });
      });
    });
  });
}

/** Moves the lines on by what they gave. */
function interleaveRow(f: Func, lines: readonly Int[], row: Int, width: Int): void {
  const [to, rest] = [f.let(row), f.let(width)];
  f.while(op("i32.ge_s", rest, LANES), () => {
    const [a, b, c, d] = lines.map((line) => f.let(load("v128.load", line))) as [Vector, Vector, Vector, Vector];
    const halves = [
      [0, 4, 1, 5],
      [2, 6, 3, 7],
    ].map((lanes) => [f.let(shuffle(a, b, lanes)), f.let(shuffle(c, d, lanes))] as const);
    for (const [i, [near, far]] of halves.entries()) {
      f.store("v128.store", to, shuffle(near, far, [0, 1, 4, 5]), 2 * i * VECTOR);
      f.store("v128.store", to, shuffle(near, far, [2, 3, 6, 7]), (2 * i + 1) * VECTOR);
    }
    for (const line of lines) f.inc(line, VECTOR);
    f.inc(to, LANES * VECTOR);
    f.inc(rest, -LANES);
  });
  f.while(op("i32.gt_s", rest, 0), () => {
    for (const [i, line] of lines.entries()) {
      f.store("f32.store", to, load("f32.load", line), 4 * i);
      f.inc(line, 4);
    }
    f.inc(to, VECTOR);
    f.inc(rest, -1);
  });
}
