/**
 * Products whose left side is mostly zeros, of float32: each of its rows becomes a list of the other numbers, and a strip
 * of C adds up only the rows of B that those meet. A thread packs panels of B, {@link panelColumns} wide and as deep as a list,
 * when it needs them.
 */
import {
  call,
  type Expr,
  type Func,
  type FuncRef,
  i32,
  load,
  type Module,
  type ModuleOptions,
  op,
  select,
  when,
} from "../wasm/emitter.ts";
import { at, ceilDiv, elements, type Int, min, shareOf } from "./element.ts";
import { storeTile } from "./gemm-kernels.ts";
import { byRows, dispatch } from "./numbered.ts";
import { packer } from "./packer.ts";
import { type Turn, turner } from "./turned.ts";
import { checker, lister, PLACES } from "./zeros.ts";

const e = elements.f32;

/** The vectors in a row of a panel. */
const panelVectors = ({ joined }: Pick<ModuleOptions, "joined">): number => (joined ? 8 : 4);
export const panelColumns = (options: Pick<ModuleOptions, "joined">): number => panelVectors(options) * e.lanes;

/** How much of k a panel and a list cover: so much that a group of panels stays in the L1 cache. */
export const DEPTH = 128;
/** The panels of a group, which are multiplied side by side: as many as have their sums in registers. */
export const GROUP = 3;
/** The rows that a unit of `list` makes lists of. */
export const LIST_ROWS = 16;
/** The bytes before a list, which hold its length. */
const HEAD = 16;
/** The bytes of a list, including what the lister may write beyond its end. */
export const LIST_BYTES: number = HEAD + 8 * (DEPTH + 4);
/** The scratch bytes of `list`, which may have to transpose rows first. */
export const LIST_SCRATCH: number = LIST_ROWS * DEPTH * e.bytes;
/** The scratch bytes of `multiply`, for a packed group, and for `rows` rows of C that are transposed afterwards. */
export const groupScratch = (options: Pick<ModuleOptions, "joined">, rows: number): number =>
  GROUP * panelColumns(options) * (DEPTH + rows) * e.bytes;

export function buildSparseGemm(m: Module): void {
  const turn = turner(m);
  exportList(m, turn);
  exportMultiply(m, turn);
}

/** The address of the list of a row, for k `from` on. The lists of all rows for one part of k follow each other. */
function listAt(p: { readonly lists: Int; readonly m: Int }, from: Int, row: Int): Expr<"i32"> {
  return at(p.lists, at(row, op("i32.div_u", from, DEPTH), p.m), LIST_BYTES);
}

const sizes = ["chunk", "chunks", "table", "lists", "m", "k"] as const;

/** Exports `list`, which makes the lists of A. Its rows or its columns must be contiguous. */
function exportList(m: Module, turn: Turn): void {
  const listRows = rowLister(m, turn);
  m.func("list", [...sizes, "a", "aRow", "aColumn"], (f, p) => {
    const from = f.local("i32");
    const units = ceilDiv(p.m, LIST_ROWS);
    shareOf(f, p, units, (unit) => {
      const row = f.let(op("i32.mul", unit, LIST_ROWS));
      const rows = min(f, op("i32.sub", p.m, row), LIST_ROWS);
      f.for(from, 0, p.k, DEPTH, () => {
        const depth = min(f, op("i32.sub", p.k, from), DEPTH);
        const a = at(at(p.a, row, p.aRow), from, p.aColumn);
        f.call(listRows, rows, depth, a, p.aRow, p.aColumn, listAt(p, from, row), p.table);
      });
    });
  });
}

const listParams = ["rows", "depth", "a", "aRow", "aColumn", "lists", "table"] as const;

function rowLister(m: Module, turn: Turn): FuncRef<typeof listParams, undefined> {
  const list = lister(m);
  return m.inner("listRows", listParams, (f, p) => {
    f.if(op("i32.ne", p.aColumn, e.bytes), () => {
      f.set(p.aRow, op("i32.mul", p.depth, e.bytes));
      f.call(turn, p.a, m.scratch(), p.aColumn, p.aRow, p.rows, p.depth);
      f.set(p.a, m.scratch());
    });
    const places = f.let(op("i32.add", p.table, PLACES));
    f.range(p.rows, () => {
      const entries = f.let(op("i32.add", p.lists, HEAD));
      const end = call(list, p.a, places, p.depth, p.table, entries);
      f.store("i32.store", p.lists, op("i32.sub", end, entries));
      f.inc(p.a, p.aRow);
      f.inc(p.lists, LIST_BYTES);
    });
  });
}

const microParams = ["entries", "end", "b", "panel", "c", "add"] as const;
type Micro = FuncRef<typeof microParams, undefined>;

/** Adds a function that computes one row of C in `panels` panels, which are `panel` bytes apart. */
function microKernel(m: Module, panels: number): Micro {
  const vectors = panelVectors(m.options);
  return m.inner(`sparse${panels}`, microParams, (f, p) => {
    const sums = f.locals("v128", panels * vectors);
    const [number, place, x] = [f.local("v128"), f.local("i32"), f.local("i32")];
    const starts = Array.from({ length: panels }, (_, i) => f.let(at(p.b, i, p.panel)));
    f.while(op("i32.ne", p.entries, p.end), () => {
      f.set(place, load("i32.load", p.entries));
      f.set(number, load(e.loadSplat, p.entries, 4));
      for (const [i, sum] of sums.entries()) {
        const offset = 16 * (i % vectors);
        if (offset === 0) f.set(x, op("i32.add", starts[i / vectors]!, place));
        f.set(sum, f.madd(e.shape, number, load("v128.load", x, offset), sum));
      }
      f.inc(p.entries, 8);
    });
    storeTile(f, e, { sums, vectors: sums.length, c: p.c, cRow: p.panel, add: p.add, addRow: p.panel });
  });
}

const stripParams = ["list", "rows", "b", "panel", "c", "cRow", "add", "addRow"] as const;

/** Adds a function that computes `rows` rows of C in `panels` panels. */
function strip(m: Module, panels: number): FuncRef<typeof stripParams, undefined> {
  const micro = microKernel(m, panels);
  return m.inner(`strip${panels}`, stripParams, (f, p) => {
    f.range(p.rows, () => {
      const entries = f.let(op("i32.add", p.list, HEAD));
      f.call(micro, entries, op("i32.add", entries, load("i32.load", p.list)), p.b, p.panel, p.c, p.add);
      f.inc(p.list, LIST_BYTES);
      f.inc(p.c, p.cRow);
      f.if(p.add, () => f.inc(p.add, p.addRow));
    });
  });
}

const multiplyParams = [
  ...sizes,
  ...(["n", "blockRows", "b", "bRow", "bColumn", "c", "cRow", "add", "addRow", "turned"] as const),
] as const;
type Locals = { readonly [K in (typeof multiplyParams)[number]]: Int };

/** `multiply`: units are blocks of rows in a group of panels, of which `n` fills each. */
function exportMultiply(m: Module, turn: Turn): void {
  const width = panelColumns(m.options);
  const pack = packer(m, e, width);
  const check = checker(m);
  const strips = byRows(GROUP, (panels) => strip(m, panels));
  m.func("multiply", multiplyParams, (f, p) => {
    const blocks = f.let(ceilDiv(p.m, p.blockRows));
    const groups = ceilDiv(p.n, GROUP * width);
    const panels = f.let(m.scratch());
    const aside = f.let(op("i32.add", panels, GROUP * width * DEPTH * e.bytes));
    const pitch = f.let(select(p.turned, i32(GROUP * width * e.bytes), p.cRow));
    const [from, addRow] = [f.local("i32"), f.local("i32")];
    shareOf(f, p, op("i32.mul", groups, blocks), (number) => {
      const { column, columns, row, rows, c, add } = unitOf(f, p, { number, blocks, aside, width });
      f.set(addRow, p.addRow);
      f.for(from, 0, p.k, DEPTH, () => {
        const depth = min(f, op("i32.sub", p.k, from), DEPTH);
        const bytes = f.let(op("i32.mul", depth, e.bytes));
        f.call(pack, panels, at(at(p.b, column, p.bColumn), from, p.bRow), columns, depth, p.bColumn, p.bRow);
        f.if(op("i32.eqz", row), () => f.call(check, panels, at(panels, columns, bytes), p.table));
        const args = [listAt(p, from, row), rows, panels, op("i32.mul", bytes, width), c, pitch, add, addRow] as const;
        dispatch(f, op("i32.div_u", columns, width), strips, (strip) => f.call(strip, ...args));
        // From now on, sums are added to what C has.
        f.set(add, c);
        f.set(addRow, pitch);
      });
      f.if(p.turned, () => {
        const target = op("i32.add", at(p.c, column, p.cRow), op("i32.mul", row, e.bytes));
        f.call(turn, aside, target, pitch, p.cRow, columns, rows);
      });
    });
  });
}

/** Which part of C a unit computes, and where: `aside` if it is transposed later. */
function unitOf(
  f: Func,
  p: Locals,
  { number, blocks, aside, width }: { readonly [K in "number" | "blocks" | "aside"]: Int } & { readonly width: number },
) {
  const column = f.let(op("i32.mul", op("i32.div_u", number, blocks), GROUP * width));
  const columns = min(f, op("i32.sub", p.n, column), GROUP * width);
  const row = f.let(op("i32.mul", op("i32.rem_u", number, blocks), p.blockRows));
  const rows = min(f, op("i32.sub", p.m, row), p.blockRows);
  const inRow = f.let(op("i32.mul", column, e.bytes));
  const c = f.let(op("i32.add", at(p.c, row, p.cRow), inRow));
  f.if(p.turned, () => f.set(c, aside));
  const add = f.let(when(p.add, op("i32.add", at(p.add, row, p.addRow), inRow), 0));
  return { column, columns, row, rows, c, add };
}
