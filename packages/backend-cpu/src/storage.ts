/** Storages are blocks of the one memory; kernels know them by byte address. A storage may wait for its elements. */
import { type Backend, type DType, dtypes, Storage, type TypedArray, type View } from "@dl/tensor";
import type { Block } from "./runtime/block.ts";
import { heap, memory } from "./runtime/index.ts";

/** How a storage gets its elements that were not needed so far. */
export interface Pending {
  /** The storages that it reads or may need, which it keeps until it is settled. */
  readonly sources: CpuStorage[];
  /** Writes the elements to `address`, the storage's memory to be. */
  compute(into: CpuStorage, address: number): void;
  /** Goes on without a source that is about to change; false if it is better to compute. */
  leave?(source: CpuStorage): boolean;
}

/** Readers of one storage from which on it is looked, as often as they double, for those that the collector took. */
const MANY_READERS = 16;

/**
 * Stands for a storage that waits, with those that it reads. They know it weakly, because results that nobody wants must
 * not live as long as their sources. Tickets are used again: an engine keeps what a weak reference was made to until the
 * program yields, so loops that never yield must not make one for each call.
 */
class Ticket {
  holder: CpuStorage | null = null;
  readonly reference: WeakRef<Ticket> = new WeakRef(this);
}

const tickets: Ticket[] = [];
const none: readonly WeakRef<Ticket>[] = [];

/** What a kernel makes of the elements before it works with them: once it does so again, it is kept until they change. */
export interface Prepared {
  /** Says what it is. */
  readonly key: object;
  block: Block | null;
}

/** What few storages have: apart, so that the others cost less. */
class Waiting {
  pending: Pending | null = null;
  ticket: Ticket | null = null;
  /** What waits and reads the storage, the last ones last: they mostly go first. A set would be laid out anew again and again. */
  readers: WeakRef<Ticket>[] | null = null;
  exposed = false;
  prepared: Prepared | null = null;
}

export class CpuStorage extends Storage {
  #block: Block | null = null;
  #waiting: Waiting | null = null;
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
    return this.#waiting?.pending ?? null;
  }

  /** Whether the user may write the memory unseen: such a storage is read at once. */
  get isExposed(): boolean {
    return this.#waiting?.exposed ?? false;
  }

  /** To be called before the memory is lent to the user. */
  expose(): void {
    this.settleReaders();
    this.#extra.exposed = true;
  }

  /** The elements as a typed array over the heap. Do not keep it over an allocation. */
  get raw(): TypedArray {
    const { address } = this.block;
    heap.refresh();
    return new dtypes[this.dtype].array(heap.memory.buffer, address, this.length);
  }

  /**
   * To be called before elements change: whatever waits and needs them as they are is computed, or keeps a copy; but not
   * `writers`, which are about to change them.
   */
  settleReaders(writers?: ReadonlySet<CpuStorage>): void {
    const readers = this.#waiting?.readers;
    // In their order, so that none repeats what one before it makes. Who is computed takes himself off the list.
    for (const reference of readers?.length ? [...readers] : none) {
      if (!readers!.includes(reference)) continue;
      const holder = reference.deref()?.holder;
      if (holder && writers?.has(holder)) continue;
      if (holder && !holder.pending?.leave?.(this)) void holder.block;
      this.#removeReader(reference);
    }
    // Readers prepare it as it was.
    this.#forgetPrepared();
  }

  /**
   * For what was prepared as `key`. The first time there is nothing to keep it in, because elements that change with every
   * step are prepared once each.
   */
  prepared(key: object): Prepared | undefined {
    const found = this.#waiting?.prepared;
    if (found?.key === key) return found;
    this.#forgetPrepared();
    if (!this.isExposed) this.#extra.prepared = { key, block: null };
    return undefined;
  }

  /** Waits for something else, made of what it waited for so far. */
  replace(make: (before: CpuStorage) => Pending): void {
    const before = new CpuStorage(this.backend, this.dtype, this.length, this.pending);
    before.retain();
    try {
      this.waitFor(make(before));
    } finally {
      before.release();
    }
  }

  /** Waits for `pending` instead, which gives the same elements. */
  waitFor(pending: Pending): void {
    for (const source of pending.sources) source.retain();
    this.#settle();
    this.#await(pending);
    for (const source of pending.sources) source.release();
  }

  copy(): CpuStorage {
    const copy = new CpuStorage(this.backend, this.dtype, this.length);
    copy.raw.set(this.raw as never);
    return copy;
  }

  protected override free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#forgetPrepared();
    if (this.#block !== null) memory.release(this.#block);
    else this.#settle();
  }

  #forgetPrepared(): void {
    const prepared = this.#waiting?.prepared;
    if (!prepared) return;
    this.#waiting!.prepared = null;
    if (prepared.block) memory.release(prepared.block);
  }

  get #extra(): Waiting {
    return (this.#waiting ??= new Waiting());
  }

  #await(pending: Pending): void {
    const ticket = tickets.pop() ?? new Ticket();
    ticket.holder = this;
    const waiting = this.#extra;
    waiting.pending = pending;
    waiting.ticket = ticket;
    for (const source of pending.sources) {
      source.retain();
      source.#addReader(ticket.reference);
    }
  }

  #addReader(reader: WeakRef<Ticket>): void {
    const waiting = this.#extra;
    waiting.readers ??= [];
    const { length } = waiting.readers;
    if (length >= MANY_READERS && (length & (length - 1)) === 0) {
      waiting.readers = waiting.readers.filter((each) => each.deref() !== undefined);
    }
    if (!waiting.readers.includes(reader)) waiting.readers.push(reader);
  }

  #removeReader(reader: WeakRef<Ticket>): void {
    const readers = this.#waiting?.readers;
    const at = readers?.lastIndexOf(reader) ?? -1;
    if (at < 0) return;
    readers!.splice(at, 1);
  }

  #compute(): Block {
    const block = memory.allocate(this.length * dtypes[this.dtype].bytes);
    // Kernels may look for it while they fill it.
    this.#block = block;
    try {
      this.pending!.compute(this, block.address);
    } catch (error) {
      this.#block = null;
      memory.release(block);
      throw error;
    }
    this.#settle();
    return block;
  }

  /** It waits no more. */
  #settle(): void {
    const waiting = this.#waiting!;
    const [pending, ticket] = [waiting.pending!, waiting.ticket!];
    for (const source of pending.sources) {
      source.#removeReader(ticket.reference);
      source.release();
    }
    waiting.pending = null;
    waiting.ticket = null;
    ticket.holder = null;
    tickets.push(ticket);
  }
}

/** Byte address of a view's first element. */
export function addressOf(view: View): number {
  return (view.storage as CpuStorage).block.address + view.offset * dtypes[view.dtype].bytes;
}
