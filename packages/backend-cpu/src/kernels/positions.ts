/** Where the largest and the smallest elements are: the first of them, or the first NaN. */
import type { DType, Shape, View } from "@dl/tensor";
import { dtypes } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { type Expr, type Module, op } from "../wasm/emitter.ts";
import { access, loadScalar } from "./access.ts";
import { and, eq, gt, input, isFloatType, isNan, lt, type Node, or } from "./expression.ts";
import { eachUnit, placeOf } from "./fold-loops.ts";
import { keptFirst, type Level, levels, merged } from "./fold-plan.ts";
import { Tools } from "./helpers.ts";
import type { Kernel, Output } from "./kernel.ts";
import { Lowering } from "./lower.ts";
import { withTemporaries } from "./temporary.ts";

type PositionOp = "argmax" | "argmin";

const PARALLEL = 2 ** 15;
const beats = { argmax: gt, argmin: lt } as const;

// biome-ignore format: by meaning
const params = [
  "chunk", "chunks", "units", "source", "target",
  "kept1", "keptStride0", "keptStride1", "inner", "innerStride",
] as const;

function buildPositions(m: Module, name: PositionOp, dtype: DType): void {
  const { raw, decode } = access[dtype];
  const value = decode(input(0, raw));
  const [x, best] = [input(0, value.type as "f32"), input(1, value.type as "f32")];
  const wins = isFloatType(x.type) ? or(beats[name](x, best), and(isNan(x), eq(best, best))) : beats[name](x, best);
  const tools = new Tools(m, [value, wins]);
  m.func("positions", params, (f, p) => {
    const scalar = (tree: Node, ...inputs: readonly Expr[]): Expr =>
      new Lowering(f, [tree], "scalar", tools).emit([tree], inputs)[0]!;
    const found = f.local("i32");
    eachUnit(f, p, (unit) => {
      const at = f.let(placeOf(p, unit));
      const load = (): Expr => scalar(value, f.let(loadScalar(access[dtype], at)));
      const top = f.let(load());
      f.set(found, 0);
      f.range(p.inner, (i) => {
        const element = f.let(load());
        f.if(scalar(wins, element, top) as Expr<"i32">, () => {
          f.set(top, element as never);
          f.set(found, i);
        });
        f.inc(at, p.innerStride);
      });
      const target = op("i32.add", p.target, op("i32.shl", unit, 3));
      f.store("i64.store", target, op("i64.extend_i32_u", found));
    });
  });
}

function positions<K extends PositionOp>(name: K): Kernel<K> {
  return ({ inputs, attrs }, [out]) => find(name, inputs[0] as View, (attrs as { readonly dims: Shape }).dims, out!);
}

function find(name: PositionOp, x: View, dims: Shape, out: Output): void {
  const kept = merged(levels(x, dims, false));
  const inner = merged(levels(x, dims, true));
  if (x.shape.includes(0)) return;
  if (kept.length <= 2 && inner.length <= 1) launch(name, x, kept, inner[0] ?? { size: 1, stride: 0 }, out);
  else {
    withTemporaries(out, (temporaries) => {
      const copy = temporaries.rowMajor(keptFirst(x, dims));
      const last = dims.map((_, i) => x.shape.length - dims.length + i);
      find(name, copy, last, out);
    });
  }
}

function launch(name: PositionOp, x: View, kept: readonly Level[], inner: Level, out: Output): void {
  const key = `${name} ${x.dtype}`;
  const compiled = engine.module<"positions">(key, (m) => buildPositions(m, name, x.dtype));
  const { bytes } = dtypes[x.dtype];
  const [first, second] = kept.length === 2 ? (kept as [Level, Level]) : [{ stride: 0, size: 1 }, kept[0]];
  const units = first.size * (second?.size ?? 1);
  // biome-ignore format: in the order of params
  const args = [
    units, addressOf(x), out.address,
    second?.size ?? 1, first.stride * bytes, (second?.stride ?? 0) * bytes, inner.size, inner.stride * bytes,
  ];
  if (units * inner.size < PARALLEL) compiled.positions(0, 1, ...args);
  else threads.parallel(key, "positions", Math.min(units, 64), args);
}

export const argmax: Kernel<"argmax"> = positions("argmax");
export const argmin: Kernel<"argmin"> = positions("argmin");
