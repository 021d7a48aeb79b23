/** Tensors from nothing: random numbers, and numbers in a row. */
import { type DType, dtypes, type FloatDType, sizeOf } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { type Module, op } from "../wasm/emitter.ts";
import { access, storeScalar } from "./access.ts";
import { add, convert, input, mul } from "./expression.ts";
import { Tools } from "./helpers.ts";
import type { Kernel } from "./kernel.ts";
import { Lowering } from "./lower.ts";
import { buildRandom, WORDS } from "./philox.ts";

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

function buildArange(m: Module, dtype: DType): void {
  const to = access[dtype];
  const value = to.encode(add(input(1, "f64"), mul(convert(input(0, "i32"), "f64"), input(2, "f64"))));
  const tools = new Tools(m, [value]);
  m.func("arange", ["target", "count", "start:f64", "step:f64"], (f, { target, count, start, step }) => {
    const code = new Lowering(f, [value], "scalar", tools);
    f.range(count, (i) => {
      storeScalar(f, to, target, f.let(code.emit([value], [i, start, step])[0]!));
      f.set(target, op("i32.add", target, to.bytes));
    });
  });
}

export const arange: Kernel<"arange"> = ({ attrs: { start, step } }, [out]) => {
  const { dtype, address, shape } = out!;
  const kernel = engine.module<"arange">(`arange ${dtype}`, (m) => buildArange(m, dtype)).arange;
  kernel(address, sizeOf(shape), start, step);
};
