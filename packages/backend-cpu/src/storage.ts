/**
 * A storage of the CPU backend: a block of the one WebAssembly memory, which kernels know by its byte address.
 *
 * A storage may be *pending*: it then has no block yet, but a recipe ({@link Pending}) that computes the elements the
 * first time somebody asks for them. Until then the storages that the recipe reads (its sources) must not change
 * unnoticed, so each source keeps a list of its pending readers.
 */
import { type Backend, type DType, dtypes, Storage, type TypedArray, type View } from "@dl/tensor";
import type { Block } from "./runtime/block.ts";
import { heap, memory } from "./runtime/index.ts";

/** The recipe of a storage whose elements nobody has needed yet. */
export interface Pending {
  /** The storages that it reads, or may need later. They are retained until the elements are computed. */
  readonly sources: CpuStorage[];
  /** Computes the elements of `into` and writes them to `address`, which becomes its memory. */
  compute(into: CpuStorage, address: number): void;
  /** Makes itself independent of a source that is about to change; `false` if computing now is the better choice. */
  detach?(source: CpuStorage): boolean;
}

/**
 * From this many readers on, each doubling of the list first drops the readers that were garbage collected, so that the
 * list of a long-lived storage does not grow for ever.
 */
const MANY_READERS = 16;

/**
 * Represents a pending storage in the reader lists of its sources. The lists hold weak references, because a result
 * that nobody wants must not live as long as its sources do. Tickets are pooled: engines keep the target of a new
 * WeakRef alive until the program yields, so a loop that never yields must not create one for every call.
 */
class Ticket {
  holder: CpuStorage | null = null;
  readonly reference: WeakRef<Ticket> = new WeakRef(this);
}

const tickets: Ticket[] = [];
const none: readonly WeakRef<Ticket>[] = [];

/**
 * A form of the elements that a kernel derives before it can work with them, such as packed weights. It is kept from
 * the second use on, until the elements change.
 */
export interface Prepared {
  /** Identifies the kind of preparation. */
  readonly key: object;
  block: Block | null;
}

/** State that few storages need, kept in an object of its own so that all others stay small. */
class Waiting {
  pending: Pending | null = null;
  ticket: Ticket | null = null;
  /**
   * The pending storages that read this one, the newest last, since those are mostly removed first. A list, because a
   * Set with so much coming and going is rehashed again and again.
   */
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

  /** The memory. Asking for it computes pending elements. */
  get block(): Block {
    return this.#block ?? this.#compute();
  }

  /** The recipe, while the elements have not been computed. */
  get pending(): Pending | null {
    return this.#waiting?.pending ?? null;
  }

  /** Whether the user holds the memory and may write it unnoticed. Nothing pending may read such a storage. */
  get isExposed(): boolean {
    return this.#waiting?.exposed ?? false;
  }

  /** Call it before the memory is lent to the user. */
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
   * Call it before the elements change. Every pending reader either computes its own elements now or detaches from this
   * storage. `writers` are skipped: they are what is about to write here.
   */
  settleReaders(writers?: ReadonlySet<CpuStorage>): void {
    const readers = this.#waiting?.readers;
    // Oldest first, so that later readers find the results of earlier ones. Computing a reader removes it from the
    // list.
    for (const reference of readers?.length ? [...readers] : none) {
      if (!readers!.includes(reference)) continue;
      const holder = reference.deref()?.holder;
      if (holder && writers?.has(holder)) continue;
      if (holder && !holder.pending?.detach?.(this)) void holder.block;
      this.#removeReader(reference);
    }
    // Last, since computing the readers may have prepared the old elements.
    this.#forgetPrepared();
  }

  /**
   * Where the kernel that prepares these elements as `key` finds or keeps the result. `undefined` the first time:
   * elements that change with every step are prepared only once each, and keeping the result would not pay.
   */
  prepared(key: object): Prepared | undefined {
    const found = this.#waiting?.prepared;
    if (found?.key === key) return found;
    this.#forgetPrepared();
    if (!this.isExposed) this.#extra.prepared = { key, block: null };
    return undefined;
  }

  /**
   * Becomes pending on a recipe that builds on the current one; `before` is a storage that takes over the current
   * recipe.
   */
  replace(make: (before: CpuStorage) => Pending): void {
    const before = new CpuStorage(this.backend, this.dtype, this.length, this.pending);
    before.retain();
    try {
      this.waitFor(make(before));
    } finally {
      before.release();
    }
  }

  /** Exchanges the recipe for another one. */
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
    // Set before it is filled, since a kernel may ask for the output's block.
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

  /** Drops the recipe: releases the sources and gives the ticket back. */
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
