/** Fisher and Yates' shuffle: one thread swaps, and as no pick waits for a swap, the swaps' loads overlap. */
import { engine } from "../runtime/index.ts";
import { load, type Module, op } from "../wasm/emitter.ts";
import type { ArrayKernel } from "./array-kernel.ts";

/** A word for each place, from the last on, says which of those up to there it swaps with. */
function build(m: Module): void {
  m.func("shuffle", ["order", "words", "count"], (f, { order, words, count }) => {
    const place = f.let(order);
    f.range(count, (i) => {
      f.store("i32.store", place, i);
      f.inc(place, 4);
    });
    f.while(op("i32.gt_u", count, 1), () => {
      const share = op("f64.mul", op("f64.convert_i32_u", load("i32.load", words)), 2 ** -32);
      const pick = op("i32.trunc_f64_u", op("f64.mul", share, op("f64.convert_i32_u", count)));
      const other = f.let(op("i32.add", order, op("i32.shl", pick, 2)));
      f.inc(place, -4);
      const held = f.let(load("i32.load", place));
      f.store("i32.store", place, load("i32.load", other));
      f.store("i32.store", other, held);
      f.inc(words, 4);
      f.inc(count, -1);
    });
  });
}

export const shuffle: ArrayKernel<"shuffle"> = ([words], _, [out]) => {
  const { data } = words!;
  engine.module<"shuffle">("shuffle", build).shuffle(out!.data.byteOffset, data.byteOffset, data.length);
};
