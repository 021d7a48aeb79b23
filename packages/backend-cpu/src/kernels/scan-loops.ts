/**
 * Running folds along one dimension: of lines that lie packed, four at once, whose chains hide each other's latencies; or
 * of neighbouring lines side by side, row by row, which is how they lie in memory.
 */
import type { DType } from "@dl/tensor";
import { at, shareOf } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import { type Access, access, loadScalar, storeScalar } from "./access.ts";
import {
  abs,
  add,
  constant,
  convert,
  ge,
  input,
  isNan,
  le,
  lt,
  max,
  min,
  mul,
  type Node,
  or,
  select as pick,
  sub,
} from "./expression.ts";
import { Tools } from "./helpers.ts";
import { Lowering } from "./lower.ts";
import { unary } from "./unary.ts";

type Address = Local<"i32">;

/** The neighbouring lines that one unit takes row by row. */
export const COLUMNS = 256;
export const ABREAST = 4;

function addExp(a: Node, b: Node): Node {
  const [top, low] = [max(a, b), min(a, b)];
  const sum = add(top, unary.log1p(unary.exp(sub(low, top), "float64"), "float64"));
  return pick(lt(abs(top), Number.POSITIVE_INFINITY), sum, top);
}

/** The initial total of each fold, and how an element is added to it. */
const folds = {
  cumsum: { start: 0, step: add },
  cumprod: { start: 1, step: mul },
  logcumsumexp: { start: Number.NEGATIVE_INFINITY, step: addExp },
} as const;
export type RunningFold = keyof typeof folds;

/**
 * Whether an element replaces the extreme so far. Of equal elements the last one counts, and nothing replaces a NaN.
 */
const extremes = {
  cummax: (x: Node, best: Node) => or(isNan(x), ge(x, best)),
  cummin: (x: Node, best: Node) => or(isNan(x), le(x, best)),
} as const;
export type RunningExtreme = keyof typeof extremes;

// biome-ignore format: by meaning
const params = ["chunk", "chunks", "units", "lines", "size", "inner", "source", "target", "indices"] as const;
type Params = { readonly [K in (typeof params)[number]]: Address };

const scalarOf = (f: Func, tools: Tools, tree: Node, ...inputs: readonly Expr[]): Expr =>
  new Lowering(f, [tree], "scalar", tools).emit([tree], inputs)[0]!;

/** The code of a running fold. Totals of floats are float64. */
interface Running {
  readonly source: Access;
  readonly target: Access;
  /** How totals are stored in scratch memory. */
  readonly held: Access;
  readonly start: (f: Func) => Expr;
  /** Adds the element at an address to a total. */
  readonly join: (f: Func, total: Expr, at: Address) => Local;
  readonly write: (f: Func, at: Address, total: Local) => void;
}

function running(m: Module, name: RunningFold, from: DType, to: DType): Running {
  const [source, target] = [access[from], access[to]];
  const { type } = target.decode(input(0, target.raw));
  const wide = type === "f32" ? "f64" : (type as "f64" | "i64");
  const value = convert(convert(source.decode(input(1, source.raw)), type as "f32" | "i64"), wide);
  const step = folds[name].step(input(0, wide), value);
  const finish = target.encode(input(0, wide));
  const tools = new Tools(m, [step, finish]);
  return {
    ...{ source, target, held: { bytes: 8, raw: wide, signed: true } as Access },
    start: (f) => scalarOf(f, tools, constant(wide, folds[name].start)),
    join: (f, total, at) => f.let(scalarOf(f, tools, step, total, f.let(loadScalar(source, at)))),
    write: (f, at, total) => storeScalar(f, target, at, scalarOf(f, tools, finish, total)),
  };
}

/** Exports `along` and `abreast`, which needs 8 · COLUMNS bytes of scratch. */
export function buildFold(m: Module, name: RunningFold, from: DType, to: DType): void {
  const fold = running(m, name, from, to);
  m.func("along", params, (f, p) => {
    shareOf(f, p, p.units, (unit) => {
      const first = f.let(op("i32.mul", unit, ABREAST));
      const left = f.let(op("i32.sub", p.lines, first));
      const singly = (): void => f.range(left, (k) => foldLines(f, p, fold, op("i32.add", first, k), 1));
      f.if(op("i32.ge_u", left, ABREAST), () => foldLines(f, p, fold, first, ABREAST), singly);
    });
  });
  m.func("abreast", params, (f, p) => {
    const totals = f.let(m.scratch());
    sideBySide(f, p, foldRows(f, fold, totals));
  });
}

/** Folds some packed lines side by side. */
function foldLines(
  f: Func,
  p: Params,
  { source, target, start, join, write }: Running,
  first: Expr<"i32">,
  count: number,
): void {
  const starts = Array.from({ length: count }, (_, k) => f.let(op("i32.mul", op("i32.add", first, k), p.size)));
  const froms = starts.map((line) => f.let(at(p.source, line, source.bytes)));
  const tos = starts.map((line) => f.let(at(p.target, line, target.bytes)));
  const totals = starts.map(() => f.let(start(f)));
  f.range(p.size, () => {
    for (let k = 0; k < count; k++) {
      f.set(totals[k]!, join(f, totals[k]!, froms[k]!));
      write(f, tos[k]!, totals[k]!);
      f.inc(froms[k]!, source.bytes);
      f.inc(tos[k]!, target.bytes);
    }
  });
}

/** The columns' totals lie in scratch memory. */
function foldRows(f: Func, { source, target, held, start, join, write }: Running, totals: Address): Rows {
  const total = f.local("i32");
  const restart = (): void => f.set(total, totals);
  return {
    bytes: [source.bytes, target.bytes],
    begin: (columns) => {
      restart();
      f.range(columns, () => {
        storeScalar(f, held, total, start(f));
        f.inc(total, 8);
      });
      restart();
    },
    visit: ([from, to]) => {
      const sum = join(f, f.let(loadScalar(held, total)), from!);
      storeScalar(f, held, total, sum);
      write(f, to!, sum);
      f.inc(total, 8);
    },
    endRow: restart,
  };
}

interface Extreme {
  readonly element: Access;
  /** Whether an element takes the place of another. */
  readonly wins: (f: Func, x: Local, best: Local) => Expr<"i32">;
}

/** Exports `along` and `abreast`. */
export function buildExtreme(m: Module, name: RunningExtreme, dtype: DType): void {
  const element = access[dtype];
  const [x, best] = [0, 1].map((i) => element.decode(input(i, element.raw))) as [Node, Node];
  const test = extremes[name](x, best);
  const tools = new Tools(m, [test]);
  const extreme: Extreme = { element, wins: (f, a, b) => scalarOf(f, tools, test, a, b) as Expr<"i32"> };
  m.func("along", params, (f, p) => {
    const position = f.local("i64");
    shareOf(f, p, p.lines, (line) => extremeLine(f, p, extreme, line, position));
  });
  m.func("abreast", params, (f, p) => sideBySide(f, p, extremeRows(f, p, extreme)));
}

function extremeLine(f: Func, p: Params, { element, wins }: Extreme, line: Address, position: Local<"i64">): void {
  const { bytes } = element;
  const start = f.let(op("i32.mul", line, p.size));
  const [from, to] = [p.source, p.target].map((base) => f.let(at(base, start, bytes))) as [Address, Address];
  const index = f.let(at(p.indices, start, 8));
  const top = f.let(loadScalar(element, from));
  f.set(position, 0);
  f.range(p.size, (i) => {
    const value = f.let(loadScalar(element, from));
    f.if(wins(f, value, top), () => {
      f.set(top, value);
      f.set(position, op("i64.extend_i32_u", i));
    });
    storeScalar(f, element, to, top);
    f.store("i64.store", index, position);
    f.inc(from, bytes);
    f.inc(to, bytes);
    f.inc(index, 8);
  });
}

/** Rows find the extremes so far in the row before. */
function extremeRows(f: Func, p: Params, { element, wins }: Extreme): Rows {
  const { bytes } = element;
  const [row, back] = f.locals("i32", 2) as [Address, Address];
  const before = (at: Address, size: number): Expr<"i32"> => op("i32.sub", at, op("i32.mul", back, size));
  return {
    bytes: [bytes, bytes, 8],
    begin: () => {
      f.set(row, 0);
      f.set(back, 0);
    },
    visit: ([from, to, index]) => {
      const value = f.let(loadScalar(element, from!));
      const top = f.let(loadScalar(element, before(to!, bytes)));
      const take = f.let(op("i32.or", op("i32.eqz", row), wins(f, value, top)));
      storeScalar(f, element, to!, select(take, value, top));
      const position = op("i64.extend_i32_u", row);
      f.store("i64.store", index!, select(take, position, load("i64.load", before(index!, 8))));
    },
    endRow: () => {
      f.inc(row, 1);
      f.set(back, p.inner);
    },
  };
}

/** What is done row by row, for elements of `bytes` bytes each at the places that `visit` gets. */
interface Rows {
  readonly bytes: readonly number[];
  readonly begin: (columns: Address) => void;
  readonly visit: (places: readonly Address[]) => void;
  readonly endRow: () => void;
}

/** Up to COLUMNS neighbouring lines of one outer position. */
function sideBySide(f: Func, p: Params, { bytes, begin, visit, endRow }: Rows): void {
  const blocks = f.let(op("i32.div_u", op("i32.add", p.inner, COLUMNS - 1), COLUMNS));
  const bases = [p.source, p.target, p.indices];
  shareOf(f, p, p.units, (unit) => {
    const column = f.let(op("i32.mul", op("i32.rem_u", unit, blocks), COLUMNS));
    const rest = f.let(op("i32.sub", p.inner, column));
    const columns = f.let(select(op("i32.lt_u", rest, COLUMNS), rest, COLUMNS));
    const gap = f.let(op("i32.sub", p.inner, columns));
    const outer = op("i32.mul", op("i32.div_u", unit, blocks), op("i32.mul", p.size, p.inner));
    const first = f.let(op("i32.add", outer, column));
    const places = bytes.map((size, i) => f.let(at(bases[i]!, first, size)));
    const step = (by: Expr<"i32"> | 1): void => {
      for (const [i, place] of places.entries()) f.inc(place, by === 1 ? bytes[i]! : op("i32.mul", by, bytes[i]!));
    };
    begin(columns);
    f.range(p.size, () => {
      f.range(columns, () => {
        visit(places);
        step(1);
      });
      step(gap);
      endRow();
    });
  });
}
