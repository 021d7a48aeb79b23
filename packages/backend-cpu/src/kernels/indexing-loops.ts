/**
 * Picking and placing along one dimension by an index tensor of the same other sizes. A table is [outer, size, inner],
 * indices and values are [outer, count, inner]; indices are whole and inside, see `firstOutside`.
 */
import { at, combine, loadScalar, type ScalarName, shareOf, storeScalar } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op } from "../wasm/emitter.ts";

type Address = Local<"i32">;

/** What happens to an element of the table and one of the values. */
type Visit = (f: Func, table: Address, values: Address) => void;

const pick: { readonly [bytes: number]: Visit } = {
  1: (f, table, values) => f.store("i32.store8", values, load("i32.load8_u", table)),
  2: (f, table, values) => f.store("i32.store16", values, load("i32.load16_u", table)),
  4: (f, table, values) => f.store("i32.store", values, load("i32.load", table)),
  8: (f, table, values) => f.store("i64.store", values, load("i64.load", table)),
};

export function buildPick(m: Module, bytes: number): void {
  addWalk(m, bytes, pick[bytes]!);
}

export function buildPlace(m: Module, name: ScalarName, bytes: number, reduce: "replace" | "add"): void {
  addWalk(m, bytes, (f, table, values) => {
    const value = loadScalar(name, values);
    storeScalar(f, name, table, reduce === "add" ? combine(name, "add", loadScalar(name, table), value) : value);
  });
}

/** `walk`: units are the outer positions, so that none of them writes where another one does. */
function addWalk(m: Module, bytes: number, visit: Visit): void {
  const params = ["chunk", "chunks", "outer", "size", "count", "inner", "table", "index", "values"] as const;
  m.func("walk", params, (f, p) => {
    const lines = op("i32.mul", p.count, p.inner);
    const tableStep = f.let(op("i32.mul", op("i32.mul", p.size, p.inner), bytes));
    const [index, values, table, place, column] = f.locals("i32", 5) as [Address, Address, Address, Address, Address];
    const row = f.let(op("i32.mul", p.inner, bytes));
    const visitAt = (address: Expr<"i32">): void => {
      f.set(place, address);
      visit(f, place, values);
      f.inc(index, 8);
      f.inc(values, bytes);
    };
    shareOf(f, p, p.outer, (outer) => {
      f.set(table, at(p.table, outer, tableStep));
      f.set(index, at(p.index, op("i32.mul", outer, lines), 8));
      f.set(values, at(p.values, op("i32.mul", outer, lines), bytes));
      const alone = (): void => {
        f.range(p.count, () => visitAt(at(table, load("i32.load", index), bytes)));
      };
      const inColumns = (): void => {
        f.range(p.count, () => {
          f.set(column, 0);
          f.while(op("i32.lt_u", column, row), () => {
            visitAt(op("i32.add", at(table, load("i32.load", index), row), column));
            f.inc(column, bytes);
          });
        });
      };
      f.if(op("i32.eq", p.inner, 1), alone, inColumns);
    });
  });
}

/** `firstOutside(index, count, size)`: where the first of `count` int64 is that is not in [0, size); `count` if none is. */
export function buildCheck(m: Module): void {
  m.func("firstOutside", ["index", "count", "size"], (f, { index, count, size }): Expr<"i32"> => {
    const bound = f.let(op("i64.extend_i32_u", size));
    const i = f.local("i32");
    f.block((found) => {
      f.while(op("i32.lt_u", i, count), () => {
        f.if(op("i64.ge_u", load("i64.load", index), bound), () => f.br(found));
        f.inc(index, 8);
        f.inc(i, 1);
      });
    });
    return i;
  });
}
