/**
 * A cell is the contents of a storage at one time. It never changes: writing to a storage gives it a new cell (or, if
 * only a part is written, writes to a cell that nobody else holds). So a deferred call always finds the values that it
 * was made with, however often its operands were written since.
 */
import { type Backend, type DType, Storage } from "@dl/tensor";
import type { Block } from "./memory.ts";

export interface Cell {
  readonly dtype: DType;
  readonly length: number;
  /** The memory that holds the value; `null` as long as it is only an expression. */
  block: Block | null;
  /** How to compute the value, as long as nobody has needed it in memory. */
  expression: Expression | null;
  /** How many holders (storages and expressions) it has. */
  references: number;
  /** Whether a call has inlined the expression. The next call that needs the value computes it in memory. */
  inlined: boolean;
}

/** The WGSL of one element, from its operands and the flat index of the result. */
export type Row = (values: readonly string[], index: string) => string;

/** An element-wise call that has not been launched. */
export interface Expression {
  /** Determines the text of `row`, together with the dtypes of the operands. */
  readonly key: string;
  readonly row: Row;
  readonly inputs: readonly Operand[];
  /** The dtype of numbers among the inputs. */
  readonly computes: DType;
  /** The number of calls that are inlined in it, including itself. */
  readonly size: number;
  /** The most buffers that it may read, since calls inside may be computed in memory before it is. */
  readonly leaves: number;
}

/** Strides and offset count elements; strides may be 0 or negative. */
export interface CellView {
  readonly cell: Cell;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

export type Operand = CellView | number;

export function newCell(dtype: DType, length: number, block: Block | null, expression: Expression | null): Cell {
  return { dtype, length, block, expression, references: 0, inlined: false };
}

/**
 * The present cell of a storage. If the storage is garbage collected, the slot lives until the collector reports that.
 */
export interface Slot {
  cell: Cell;
}

/** The storage of a tensor, which refers to its present cell. */
export class GPUStorage extends Storage {
  readonly slot: Slot;
  readonly #drop: (slot: Slot, storage: GPUStorage) => void;

  constructor(backend: Backend, slot: Slot, drop: (slot: Slot, storage: GPUStorage) => void) {
    super(backend, slot.cell.dtype, slot.cell.length);
    this.slot = slot;
    this.#drop = drop;
  }

  protected override free(): void {
    this.#drop(this.slot, this);
  }
}
