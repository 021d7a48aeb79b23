/** Tensors from nothing: random numbers, and numbers in a row. */
import { type DType, dtypes, type FloatDType, sizeOf } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { type Local, type Module, op, select } from "../wasm/emitter.ts";
import { access, storeScalar } from "./access.ts";
import { add, convert, input, mul } from "./expression.ts";
import { Tools } from "./helpers.ts";
import type { Kernel } from "./kernel.ts";
import { Lowering } from "./lower.ts";
import { buildRandom, WORDS } from "./philox.ts";

type Int64 = Local<"i64">;

/** Steps that a thread takes at once. */
const STEPS = 512;

export const random: Kernel<"random"> = ({ attrs }, [out]) => {
  const { distribution, seed, offset } = attrs;
  const dtype = out!.dtype as FloatDType;
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

/** Whole numbers are counted, others computed each from its place. A chunk is `per` of them. */
function buildArange(m: Module, dtype: DType, isWhole: boolean): void {
  const to = access[dtype];
  const value = isWhole
    ? to.encode(input(0, "i64"))
    : to.encode(add(input(1, "f64"), mul(convert(input(0, "i32"), "f64"), input(2, "f64"))));
  const tools = new Tools(m, [value]);
  m.func("arange", ["chunk", "chunks", "per", "target", "count", "start:f64", "step:f64"], (f, p) => {
    const code = new Lowering(f, [value], "scalar", tools);
    const i = f.let(op("i32.mul", p.chunk, p.per));
    const rest = f.let(op("i32.sub", p.count, i));
    const left = f.let(select(op("i32.lt_u", rest, p.per), rest, p.per));
    const target = f.let(op("i32.add", p.target, op("i32.mul", i, to.bytes)));
    const [first, step] = [p.start, p.step].map((x) => f.let(op("i64.trunc_sat_f64_s", x))) as [Int64, Int64];
    const next = f.let(op("i64.add", first, op("i64.mul", op("i64.extend_i32_u", i), step)));
    for (const many of [4, 1]) {
      f.while(op("i32.ge_u", left, many), () => {
        for (let k = 0; k < many; k++) {
          const place = op("i32.add", target, k * to.bytes);
          storeScalar(f, to, place, code.emit([value], isWhole ? [next] : [i, p.start, p.step])[0]!);
          f.set(next, op("i64.add", next, step));
          f.inc(i, 1);
        }
        f.inc(target, many * to.bytes);
        f.inc(left, -many);
      });
    }
  });
}

export const arange: Kernel<"arange"> = ({ attrs: { start, step } }, [out]) => {
  const { dtype, address, shape } = out!;
  const isWhole = dtypes[dtype].kind !== "float" && Number.isInteger(start) && Number.isInteger(step);
  const [key, count] = [`arange ${dtype} ${isWhole}`, sizeOf(shape)];
  engine.module(key, (m) => buildArange(m, dtype, isWhole));
  const per = Math.max(COUNTED, Math.ceil(count / 64));
  threads.parallel(key, "arange", Math.ceil(count / per), [per, address, count, start, step]);
};
