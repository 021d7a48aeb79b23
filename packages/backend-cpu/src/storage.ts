/** Storages are blocks of the one memory; kernels know them by byte address. A storage may wait for its elements. */
import { type Backend, type DType, dtypes, Storage, type TypedArray, type View } from "@dl/tensor";
import type { Block } from "./runtime/block.ts";
import { heap, memory } from "./runtime/index.ts";

/** How a storage gets its elements that were not needed so far. */
export interface Pending {
  /** The storages that it reads, which it keeps until it is settled. */
  readonly sources: readonly CpuStorage[];
  compute(into: CpuStorage): void;
}

/** Entries of a list of readers between two looks at which of them still wait. */
const READERS = 16;

export class CpuStorage extends Storage {
  /** Whether the user may write the memory unseen: such a storage is read at once. */
  exposed = false;
  #block: Block | null = null;
  #pending: Pending | null = null;
  /** What waits and reads this storage. Weak, because results that nobody wants must not live as long as their sources. */
  #readers: WeakRef<CpuStorage>[] | null = null;
  #freed = false;

  constructor(backend: Backend, dtype: DType, length: number, pending: Pending | null = null) {
    super(backend, dtype, length);
    if (pending === null) this.#block = memory.allocate(length * dtypes[dtype].bytes);
    else this.#await(pending);
  }

  /** The memory; elements that were waited for are computed first. */
  get block(): Block {
    return this.#block ?? this.#compute();
  }

  /** What is still to be computed. */
  get pending(): Pending | null {
    return this.#pending;
  }

  /** The elements as a typed array over the heap. Do not keep it over an allocation. */
  get raw(): TypedArray {
    const { address } = this.block;
    heap.refresh();
    return new dtypes[this.dtype].array(heap.memory.buffer, address, this.length);
  }

  /** To be called before elements change: whatever waits and needs them as they are is computed. */
  settleReaders(): void {
    if (this.#readers === null) return;
    const readers = this.#readers;
    this.#readers = null;
    for (const reference of readers) {
      const reader = reference.deref();
      if (reader !== undefined && reader.#pending !== null) reader.#compute();
    }
  }

  protected override free(): void {
    if (this.#freed) return;
    this.#freed = true;
    if (this.#pending !== null) this.#settle(this.#pending);
    else memory.release(this.#block!);
  }

  #await(pending: Pending): void {
    this.#pending = pending;
    const reference = new WeakRef(this);
    for (const source of pending.sources) {
      source.retain();
      source.#addReader(reference);
    }
  }

  #addReader(reader: WeakRef<CpuStorage>): void {
    const readers = (this.#readers ??= []);
    if (readers.length > 0 && readers.length % READERS === 0) {
      this.#readers = readers.filter((each) => each.deref()?.pending);
    }
    this.#readers!.push(reader);
  }

  #compute(): Block {
    const pending = this.#pending!;
    this.#block = memory.allocate(this.length * dtypes[this.dtype].bytes);
    pending.compute(this);
    this.#settle(pending);
    return this.#block;
  }

  #settle(pending: Pending): void {
    this.#pending = null;
    for (const source of pending.sources) source.release();
  }
}

/** Byte address of a view's first element. */
export function addressOf(view: View): number {
  return (view.storage as CpuStorage).block.address + view.offset * dtypes[view.dtype].bytes;
}
