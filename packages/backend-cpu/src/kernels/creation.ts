/** Tensors from nothing: random numbers, and numbers in a row. */
import { type DType, dtypes, sizeOf } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { type Expr, type Func, i32, type Local, type Module, op, select, splat, v128 } from "../wasm/emitter.ts";
import { type Access, access, storePacked, storeScalar } from "./access.ts";
import { add, convert, input, mul } from "./expression.ts";
import { Tools } from "./helpers.ts";
import type { Kernel } from "./kernel.ts";
import { lanesOf } from "./lanes.ts";
import { Lowering } from "./lower.ts";
import { buildRandom, WORDS } from "./philox.ts";

type Int = Local<"i32">;
type Int64 = Local<"i64">;

/** Steps that a thread takes at once. */
const STEPS = 512;

export const random: Kernel<"random"> = ({ attrs }, [out]) => {
  const { distribution, seed, offset } = attrs;
  const { dtype } = out!;
  const count = sizeOf(out!.shape);
  if (count === 0) return;
  const key = `random ${distribution} ${dtype}`;
  engine.module(key, (m) => buildRandom(m, dtype, distribution));
  const steps = Math.ceil((count * (dtype === "float64" ? 2 : 1)) / WORDS);
  const per = Math.max(STEPS, Math.ceil(steps / 4096));
  const [low, high] = [offset % 2 ** 32, Math.floor(offset / 2 ** 32)];
  const args = [per, out!.address, count * dtypes[dtype].bytes, low, high, ...seed];
  threads.parallel(key, "fill", Math.ceil(steps / per), args, 4 * WORDS);
};

const COUNTED = 2 ** 15;

const rangeParams = ["chunk", "chunks", "per", "target", "count", "half", "start:f64", "step:f64", "end:f64"] as const;

/** A chunk's first element, how many it has, and where they go. */
function chunkOf(f: Func, p: Readonly<Record<"chunk" | "per" | "count" | "target", Int>>, bytes: number): Int[] {
  const first = f.let(op("i32.mul", p.chunk, p.per));
  const rest = f.let(op("i32.sub", p.count, first));
  const length = f.let(select(op("i32.lt_u", rest, p.per), rest, p.per));
  return [first, length, f.let(op("i32.add", p.target, op("i32.mul", first, bytes)))];
}

/** Whole numbers are counted. */
function buildCount(m: Module, dtype: DType): void {
  const to = access[dtype];
  const value = to.encode(input(0, "i64"));
  const tools = new Tools(m, [value]);
  m.func("arange", rangeParams, (f, p) => {
    const code = new Lowering(f, [value], "scalar", tools);
    const [i, left, target] = chunkOf(f, p, to.bytes) as [Int, Int, Int];
    const [first, step] = [p.start, p.step].map((x) => f.let(op("i64.trunc_sat_f64_s", x))) as [Int64, Int64];
    const next = f.let(op("i64.add", first, op("i64.mul", op("i64.extend_i32_u", i), step)));
    for (const many of [4, 1]) {
      f.while(op("i32.ge_u", left, many), () => {
        for (let k = 0; k < many; k++) {
          storeScalar(f, to, op("i32.add", target, k * to.bytes), code.emit([value], [next])[0]!);
          f.set(next, op("i64.add", next, step));
        }
        f.inc(target, many * to.bytes);
        f.inc(left, -many);
      });
    }
  });
}

/** Four elements a round, each from its place; then `left` is what is left of them. */
function inPairs(f: Func, to: Access, [place, left, target]: readonly [Int, Int, Int], made: (at: Expr) => Expr): void {
  const places = [0, 2].map((k) =>
    f.let(op("i32x4.add", op("i32x4.splat", place), v128(new Int32Array([k, k + 1, 0, 0])))),
  );
  f.while(op("i32.ge_u", left, 4), () => {
    for (const [k, at] of places.entries()) {
      storePacked(f, to, 2, op("i32.add", target, 2 * k * to.bytes), made(at) as Expr<"v128">);
      f.set(at, op("i32x4.add", at, splat("i32x4", 4)));
    }
    f.inc(target, 4 * to.bytes);
    f.inc(place, 4);
    f.inc(left, -4);
  });
}

/** Others are computed each from its place: counted from the start up to `half`, and from there on back from the end. */
function buildEvenly(m: Module, dtype: DType): void {
  const to = access[dtype];
  const value = to.encode(add(input(1, "f64"), mul(convert(input(0, "i32"), "f64"), input(2, "f64"))));
  const tools = new Tools(m, [value]);
  m.func("arange", rangeParams, (f, p) => {
    const pairs = lanesOf(value) === 2 && new Lowering(f, [value], 2, tools);
    const single = new Lowering(f, [value], "scalar", tools);
    const [i, rest, target] = chunkOf(f, p, to.bytes) as [Int, Int, Int];
    const step = f.let(op("f64x2.splat", p.step));
    f.while(rest, () => {
      const isFirst = f.let(op("i32.lt_u", i, p.half));
      const before = f.let(op("i32.sub", p.half, i));
      const left = f.let(select(op("i32.and", isFirst, op("i32.lt_u", before, rest)), before, rest));
      const anchor = f.let(select(isFirst, p.start, p.end));
      const place = f.let(op("i32.sub", i, select(isFirst, i32(0), op("i32.sub", p.count, 1))));
      f.inc(i, left);
      f.set(rest, op("i32.sub", rest, left));
      const anchors = f.let(op("f64x2.splat", anchor));
      if (pairs) inPairs(f, to, [place, left, target], (at) => pairs.emit([value], [at, anchors, step])[0]!);
      f.while(left, () => {
        storeScalar(f, to, target, single.emit([value], [place, anchor, p.step])[0]!);
        f.inc(target, to.bytes);
        f.inc(place, 1);
        f.inc(left, -1);
      });
    });
  });
}

export const arange: Kernel<"arange"> = ({ attrs: { start, step, end } }, [out]) => {
  const { dtype, address, shape } = out!;
  const isWhole = dtypes[dtype].kind !== "float" && Number.isInteger(start) && Number.isInteger(step);
  const [key, count] = [`arange ${dtype} ${isWhole}`, sizeOf(shape)];
  engine.module(key, (m) => (isWhole ? buildCount : buildEvenly)(m, dtype));
  const per = Math.max(COUNTED, Math.ceil(count / 64));
  const half = end === undefined ? count : Math.ceil(count / 2);
  threads.parallel(key, "arange", Math.ceil(count / per), [per, address, count, half, start, step, end ?? 0]);
};
