/** One whole number added at many positions of a vector: threads count in tables of their own, which are added up. */
import type { View } from "@dl/tensor";
import { at, partOf } from "../dense/element.ts";
import { engine, heap, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { type Local, load, type Module, op } from "../wasm/emitter.ts";
import { convert } from "./copy.ts";
import type { Output } from "./kernel.ts";
import { part } from "./movement.ts";
import { folds } from "./reduce.ts";
import { withTemporaries } from "./temporary.ts";

const CHUNKS = 8;
/** Tables of a chunk: neighbours are often equal, and a sum that was just written is slow to read. */
const TABLES = 4;
const ROWS = CHUNKS * TABLES + 1;

/** Whether that many positions are worth the tables. */
export function isTally(source: View, self: View): boolean {
  const [size, count] = [self.shape[0]!, source.shape[0]!];
  return source.dtype === "int64" && source.shape.length === 1 && source.strides[0] === 0 && size * ROWS * 4 <= count;
}

const params = ["chunk", "chunks", "count", "size", "index", "value", "tables", "failure"] as const;

function buildTally(m: Module): void {
  m.func("tally", params, (f, p) => {
    const [i, end] = partOf(f, p.count, p.chunk, p.chunks);
    const width = f.let(op("i32.mul", p.size, 8));
    const bound = f.let(op("i64.extend_i32_u", p.size));
    const value = f.let(load("i64.load", p.value));
    const table = f.let(at(p.tables, op("i32.mul", p.chunk, TABLES), width));
    const tables = Array.from({ length: TABLES }, (_, k) => f.let(at(table, k, width)));
    const place = f.local("i32");
    const index = f.local("i64");
    f.fill(table, 0, op("i32.mul", width, TABLES));
    const from = f.let(at(p.index, i, 8));
    const count = (row: Local<"i32">, offset: number): void => {
      f.set(index, load("i64.load", from, offset));
      f.if(op("i64.ge_u", index, bound), () => {
        f.store("i32.store", p.failure, 1);
        f.return();
      });
      f.set(place, at(row, op("i32.wrap_i64", index), 8));
      f.store("i64.store", place, op("i64.add", load("i64.load", place), value));
    };
    for (const many of [TABLES, 1]) {
      f.while(op("i32.ge_u", op("i32.sub", end, i), many), () => {
        for (let k = 0; k < many; k++) count(tables[k]!, 8 * k);
        f.inc(from, 8 * many);
        f.inc(i, many);
      });
    }
  });
}

function asRow({ storage, dtype, shape, strides, offset }: View): View {
  return { storage, dtype, shape: [1, ...shape], strides: [0, ...strides], offset };
}

/** `out` = `self` with `value`'s one number added at each index; whether all of them were inside. */
export function tally([self, index, value]: readonly View[], out: Output, failure: number): boolean {
  return withTemporaries(out, (temporaries) => {
    const [size, count] = [self!.shape[0]!, index!.shape[0]!];
    const tables = temporaries.make([ROWS, size], "int64");
    convert(asRow(self!), part(tables, [1, size], [ROWS - 1, 0]));
    engine.module("tally", buildTally);
    heap.i32[failure / 4] = 0;
    const args = [count, size, addressOf(temporaries.rowMajor(index!)), addressOf(value!), tables.address, failure];
    threads.parallel("tally", "tally", CHUNKS, args);
    if (heap.i32[failure / 4] !== 0) return false;
    folds.sum({ op: "sum", inputs: [tables], attrs: { dims: [0], keepdim: false }, outputs: [out] }, [out]);
    return true;
  });
}
