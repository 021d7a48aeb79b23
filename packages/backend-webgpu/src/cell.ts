/**
 * A cell is one value of a tensor's memory. It never changes: writing to a storage hangs a new cell on it (or, for part
 * of one, writes to a cell that nobody else holds), so a call that was only remembered always finds the values it was
 * made with, however memory changed since.
 */
import { type Backend, type DType, Storage } from "@dl/tensor";
import type { Block } from "./memory.ts";

export interface Cell {
  readonly dtype: DType;
  readonly length: number;
  /** Where the value is, or ... */
  block: Block | null;
  /** ... what it is, while nobody needed it in memory. */
  expression: Expression | null;
  /** The storage and the expressions that hold it. */
  references: number;
  /** Whether a call already inlined the expression: the next one wants it in memory. */
  inlined: boolean;
}

/** WGSL of one element from its operands and the flat index of the result. */
export type Row = (values: readonly string[], index: string) => string;

/** An element-wise call that was not launched. */
export interface Expression {
  /** With the operands' dtypes, all that decides `row`'s text. */
  readonly key: string;
  readonly row: Row;
  readonly inputs: readonly Operand[];
  /** The dtype that numbers among the inputs have. */
  readonly computes: DType;
  /** Calls inlined in it, itself included. */
  readonly size: number;
  /** At most so many buffers it reads, whichever of the calls inside reach memory before it does. */
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

/** What a storage points to now. It outlives the storage by as long as the collector takes to tell of its death. */
export interface Slot {
  cell: Cell;
}

/** The storage of a tensor: a name for its present cell. */
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
