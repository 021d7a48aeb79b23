/**
 * Float64 matrices on the host, parts of them, and the matrix products that factorizations spend most of their time in.
 */
import type { Backend, Storage, View } from "../../backend.ts";

/** A matrix or a part of one, as a view of `data`. */
export interface Block {
  readonly data: Float64Array;
  /** The index of the first element. */
  readonly at: number;
  readonly rows: number;
  readonly columns: number;
  /** The distance from one row to the next. */
  readonly row: number;
  /** The distance from one column to the next. */
  readonly column: number;
}

/** A whole row-major matrix. */
export function blockOf(data: Float64Array, rows: number, columns: number): Block {
  return { data, at: 0, rows, columns, row: columns, column: 1 };
}

/** A matrix with ones on the diagonal and zeros elsewhere. */
export function identity(rows: number, columns: number): Block {
  const made = blockOf(new Float64Array(rows * columns), rows, columns);
  for (let i = 0; i < made.data.length; i += columns + 1) made.data[i] = 1;
  return made;
}

export function allFinite(x: Float64Array): boolean {
  for (let i = 0; i < x.length; i++) if (!(Math.abs(x[i]!) < Number.POSITIVE_INFINITY)) return false;
  return true;
}

/** The part that begins at (i, j); by default up to the last row and column. */
export function part(
  x: Block,
  i: number,
  j: number,
  rows: number = x.rows - i,
  columns: number = x.columns - j,
): Block {
  return { data: x.data, at: x.at + i * x.row + j * x.column, rows, columns, row: x.row, column: x.column };
}

/** The transpose. */
export function turned({ data, at, rows, columns, row, column }: Block): Block {
  return { data, at, rows: columns, columns: rows, row: column, column: row };
}

/** A row-major copy. */
export function packed({ data, at, rows, columns, row, column }: Block): Block {
  const copy = blockOf(new Float64Array(rows * columns), rows, columns);
  for (let i = 0, to = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) copy.data[to++] = data[at + i * row + j * column]!;
  }
  return copy;
}

/** Writes a row-major matrix into another, from (i, j) on. */
export function place(
  { data: from, rows, columns, row }: Block,
  { data, at, row: step }: Block,
  i: number,
  j: number,
): void {
  for (let k = 0; k < rows; k++) data.set(from.subarray(k * row, k * row + columns), at + (i + k) * step + j);
}

/** The matrix with its rows in reverse order. */
export function reversed(x: Block): Block {
  const { data, at, rows, columns, row, column } = x;
  return { data, at: at + (rows - 1) * row, rows, columns, row: -row, column };
}

/**
 * Matrix products, computed by a device or on the host. Rows of B and C must be contiguous, or those of B's transpose.
 */
export interface Products {
  /** A B. */
  product(a: Block, b: Block): Block;
  /** C −= A B. */
  subtract(c: Block, a: Block, b: Block): void;
}

/** With fewer multiply-adds, copying to and from the device costs more than its matrix product saves. */
const WORTH = 2 ** 13;

/** The products of a device if the host can address its memory and it has float64, otherwise those of the host. */
export function productsOn(backend: Backend): Products {
  if (!backend.hostMemory || !backend.dtypes.has("float64")) return onHost;
  const pays = (a: Block, b: Block): boolean => a.rows * a.columns * b.columns >= WORTH;
  return {
    product: (a, b) =>
      pays(a, b) ? blockOf(multiplied(backend, a, b, copied), a.rows, b.columns) : onHost.product(a, b),
    subtract: (c, a, b) =>
      pays(a, b) ? multiplied(backend, a, b, (product) => subtractAll(c, product)) : onHost.subtract(c, a, b),
  };
}

function copied(product: Float64Array): Float64Array {
  return product.slice();
}

function subtractAll({ data, at, rows, columns, row }: Block, product: Float64Array): void {
  for (let i = 0, from = 0; i < rows; i++) {
    const to = at + i * row;
    for (let j = 0; j < columns; j++) data[to + j]! -= product[from++]!;
  }
}

/** Computes a product on the device, and returns what `use` makes of it. */
function multiplied<T>(backend: Backend, a: Block, b: Block, use: (product: Float64Array) => T): T {
  const lent: Storage[] = [];
  try {
    const inputs = [lend(backend, a, lent), lend(backend, b, lent)];
    const outputs = [{ shape: [a.rows, b.columns], dtype: "float64" }] as const;
    const [made] = backend.run({ op: "matmul", inputs, attrs: {}, outputs }) as [Storage];
    made.retain();
    lent.push(made);
    return use(backend.hostMemory!(made) as Float64Array);
  } finally {
    for (const storage of lent) storage.release();
  }
}

/** Copies a matrix to the device, in the order in which its elements lie in memory. */
function lend(backend: Backend, x: Block, lent: Storage[]): View {
  if (Math.abs(x.row) < Math.abs(x.column)) {
    const { shape, strides, ...view } = lend(backend, turned(x), lent);
    return { ...view, shape: [shape[1]!, shape[0]!], strides: [strides[1]!, strides[0]!] };
  }
  const { data, at, rows, columns, row, column } = x;
  const storage = backend.allocate("float64", rows * columns);
  storage.retain();
  lent.push(storage);
  const memory = backend.hostMemory!(storage) as Float64Array;
  for (let i = 0; i < rows; i++) {
    const from = at + i * row;
    if (column === 1) memory.set(data.subarray(from, from + columns), i * columns);
    else for (let j = 0; j < columns; j++) memory[i * columns + j] = data[from + j * column]!;
  }
  return { storage, dtype: "float64", shape: [rows, columns], strides: [columns, 1], offset: 0 };
}

const onHost: Products = {
  product(a, b) {
    const c = blockOf(new Float64Array(a.rows * b.columns), a.rows, b.columns);
    onHost.subtract(c, a, b);
    for (let i = 0; i < c.data.length; i++) c.data[i] = -c.data[i]!;
    return c;
  },
  subtract(c, a, b) {
    const { data, at, row } = b.column === 1 ? b : packed(b);
    for (let i = 0; i < c.rows; i++) {
      subtractRows(c.data, c.at + i * c.row, c.columns, a.data, a.at + i * a.row, a.column, a.columns, data, at, row);
    }
  },
};

/**
 * y −= Σ xₚ zₚ, where y and all zₚ are rows of `columns` elements. Four zₚ are taken at a time, so that an element of y
 * is loaded and stored once for four products.
 */
export function subtractRows(
  y: Float64Array,
  to: number,
  columns: number,
  x: Float64Array,
  left: number,
  step: number,
  count: number,
  z: Float64Array,
  right: number,
  row: number,
): void {
  let p = 0;
  for (; p + 4 <= count; p += 4) {
    const at = left + p * step;
    const [a, b, c, d] = [x[at]!, x[at + step]!, x[at + 2 * step]!, x[at + 3 * step]!];
    const first = right + p * row;
    const [second, third, fourth] = [first + row, first + 2 * row, first + 3 * row];
    for (let j = 0; j < columns; j++) {
      y[to + j]! -= a * z[first + j]! + b * z[second + j]! + c * z[third + j]! + d * z[fourth + j]!;
    }
  }
  for (; p < count; p++) {
    const a = x[left + p * step]!;
    const first = right + p * row;
    for (let j = 0; j < columns; j++) y[to + j]! -= a * z[first + j]!;
  }
}
