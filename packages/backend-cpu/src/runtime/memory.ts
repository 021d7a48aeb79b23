/**
 * The allocator: free lists by size class over the heap. Memory is never given back to the system, because touching fresh
 * pages is many times slower than using old ones again.
 *
 * Blocks are normally released explicitly. A block that was forgotten comes back when the garbage collector finds it
 * unreachable, through a FinalizationRegistry. Registering an object costs as much as a small kernel, so a block is
 * registered only once, when it is first made, and keeps its entry while it goes through the free list. Small blocks
 * (≤ 4 KiB) share pages of 64 KiB, with one entry for a page.
 */
import { failExhausted, Pressure } from "@dl/tensor";
import { Block, Page, Span } from "./block.ts";
import { Heap, offersWide } from "./heap.ts";
import { ARENA_START } from "./layout.ts";
import { CLASS_COUNT, classOf, sizeOf } from "./size-classes.ts";

const SMALL = 4096;
const PAGE = 65536;
const IDLE = 32 * 2 ** 20;

interface Gap {
  address: number;
  bytes: number;
}

export interface MemoryOptions {
  /** The memory to manage; by default a new one, shared between threads where the host allows it. */
  readonly heap?: Heap;
  /** The most bytes that may be held; by default all that the heap can have. */
  readonly limit?: number;
}

export interface MemoryStatistics {
  /** Bytes in blocks that are in use, or forgotten but not garbage collected yet. */
  readonly live: number;
  /** Bytes taken from the system. */
  readonly reserved: number;
  /** Bytes in the blocks of the free lists. */
  readonly cached: number;
  /** Blocks in use. */
  readonly blocks: number;
  /** The most bytes that were live since the start, or since `resetPeak`. */
  readonly peak: number;
}

export class Memory {
  readonly heap: Heap;
  /** Decides when to ask for a garbage collection: in the allocator, and between the steps of a loop. */
  readonly pressure: Pressure = new Pressure(
    () => this.#live,
    () => this.limit,
  );
  /** The most bytes that may be held, including free room between blocks. */
  limit: number;
  readonly #free: Block[][] = Array.from({ length: CLASS_COUNT }, () => []);
  readonly #openPages: (Page | null)[] = new Array(classOf(SMALL) + 1).fill(null);
  #freePages: number[] = [];
  #gaps: Gap[] = [];
  #top: number = ARENA_START;
  /** Bytes that new blocks have taken since free blocks were last joined. */
  #carved = 0;
  #live = 0;
  #peak = 0;
  /** Blocks in use, by size class. */
  readonly #held: Uint32Array = new Uint32Array(CLASS_COUNT);
  readonly #registry: FinalizationRegistry<Span>;
  /** The spans that the registry watches. */
  readonly #watched = new Set<Span>();
  /** Whether so much memory was taken from the system that {@link findForgotten} is worth its time. */
  isFelt = false;

  constructor({ heap = new Heap(), limit = Number.POSITIVE_INFINITY }: MemoryOptions = {}) {
    this.heap = heap;
    this.limit = Math.min(limit, heap.maximumBytes);
    this.#registry = new FinalizationRegistry((span) => this.#recover(span));
  }

  /**
   * Returns a block of at least `bytes` bytes, aligned to 64. It is not cleared.
   *
   * @throws TensorError if the limit or the host does not allow it
   */
  allocate(bytes: number): Block {
    if (!(bytes >= 0 && bytes <= this.heap.largestBlock)) this.#exhausted(bytes);
    const sizeClass = classOf(bytes);
    const block = this.#free[sizeClass]!.pop() ?? this.#fresh(sizeClass);
    block.held = true;
    block.span.live += block.bytes;
    this.#live += block.bytes;
    this.#held[sizeClass]!++;
    if (this.#live > this.#peak) this.#peak = this.#live;
    return block;
  }

  /** Frees a block. The caller must not use it any more: the next `allocate` may hand out the same object. */
  release(block: Block): void {
    if (!block.held) throw new Error("release: the block at this address is free already. Remedy: release it once.");
    block.held = false;
    block.span.live -= block.bytes;
    this.#live -= block.bytes;
    this.#held[block.sizeClass]!--;
    this.#free[block.sizeClass]!.push(block);
  }

  /**
   * Joins the room of all free blocks, so that blocks of any size can be made of it. Nothing is given back to the
   * system. Returns the bytes that are free in this way.
   */
  trim(): number {
    const gaps = [...this.#gaps, ...this.#freePages.map((address) => ({ address, bytes: PAGE }))];
    for (const list of this.#free) {
      for (const block of list) if (block.page === null) gaps.push(this.#dissolve(block, block.span));
    }
    for (const page of this.#emptyPages()) gaps.push(this.#dissolve(page, page.span));
    this.#free.forEach((list, sizeClass) => {
      this.#free[sizeClass] = list.filter((block) => block.page !== null && block.page.span.live > 0);
    });
    this.#openPages.forEach((page, i) => {
      if (page?.span.live === 0) this.#openPages[i] = null;
    });
    this.#freePages = [];
    return this.#adopt(gaps);
  }

  statistics(): MemoryStatistics {
    let cached = this.#freePages.length * PAGE;
    this.#free.forEach((list, sizeClass) => {
      cached += list.length * sizeOf(sizeClass);
    });
    const blocks = this.#held.reduce((sum, count) => sum + count, 0);
    return { live: this.#live, reserved: this.heap.bytes, cached, blocks, peak: this.#peak };
  }

  /** Resets the peak to what is in use now. */
  resetPeak(): void {
    this.#peak = this.#live;
  }

  /**
   * Collects garbage and recovers forgotten blocks now, for loops that never let other tasks run. Call it only where no
   * code works with the address of a block that it does not hold.
   */
  findForgotten(): void {
    this.isFelt = false;
    this.pressure.collectNow(() => {
      for (const span of [...this.#watched]) if (span.target!.deref() === undefined) this.#recover(span);
    });
  }

  #fresh(sizeClass: number): Block {
    this.pressure.relieveSoon();
    this.isFelt ||= this.pressure.isFelt;
    const bytes = sizeOf(sizeClass);
    if (bytes <= SMALL) return this.#freshSlot(sizeClass, bytes);
    const span = new Span(this.#carve(bytes), bytes, sizeClass);
    return this.#blockOver(span);
  }

  #blockOver(span: Span): Block {
    const block = new Block(span.address, span.sizeClass, span, null);
    this.#watch(block, span);
    return block;
  }

  #watch(target: object, span: Span): void {
    span.target = new WeakRef(target);
    this.#watched.add(span);
    this.#registry.register(target, span, target);
  }

  #freshSlot(sizeClass: number, bytes: number): Block {
    let page = this.#openPages[sizeClass] ?? null;
    if (page === null || page.used + bytes > PAGE) {
      page = new Page(new Span(this.#freePages.pop() ?? this.#carve(PAGE), PAGE, sizeClass));
      this.#watch(page, page.span);
      this.#openPages[sizeClass] = page;
    }
    const block = new Block(page.span.address + page.used, sizeClass, page.span, page);
    page.used += bytes;
    // From now on only the page's blocks may keep it alive.
    if (page.used + bytes > PAGE) this.#openPages[sizeClass] = null;
    return block;
  }

  /** Finds room for a new block: in the gaps that `trim` has joined, otherwise at the top of the heap. */
  #carve(bytes: number): number {
    this.#carved += bytes;
    const address = this.#fromGaps(bytes) ?? this.#fromIdle(bytes) ?? this.#fromTop(bytes);
    if (address !== undefined) return address;
    this.trim();
    const second = this.#fromGaps(bytes) ?? this.#fromTop(bytes);
    if (second !== undefined) return second;
    this.pressure.relieveSoon(true);
    return this.#exhausted(bytes);
  }

  /**
   * Room in the free lists of other sizes, where much may lie idle if sizes change from step to step. They are joined
   * before the heap would grow, but not before new blocks have taken a quarter of the heap since the last time.
   */
  #fromIdle(bytes: number): number | undefined {
    const idle = this.#top - this.#live;
    const mustGrow = this.#top + bytes > this.heap.bytes;
    if (!mustGrow || this.#carved < this.#top / 4 || idle < Math.max(IDLE, this.#live / 4)) return undefined;
    this.trim();
    this.#carved = 0;
    return this.#fromGaps(bytes);
  }

  #fromTop(bytes: number): number | undefined {
    const address = this.#top;
    if (address + bytes > this.limit || !this.heap.grow(address + bytes)) return undefined;
    this.#top += bytes;
    return address;
  }

  #fromGaps(bytes: number): number | undefined {
    const index = this.#gaps.findIndex((gap) => gap.bytes >= bytes);
    if (index < 0) return undefined;
    const gap = this.#gaps[index]!;
    const { address } = gap;
    gap.address += bytes;
    gap.bytes -= bytes;
    if (gap.bytes === 0) this.#gaps.splice(index, 1);
    return address;
  }

  #dissolve(target: object, span: Span): Gap {
    this.#registry.unregister(target);
    this.#watched.delete(span);
    return { address: span.address, bytes: span.bytes };
  }

  #emptyPages(): Set<Page> {
    const pages = new Set<Page>();
    const add = (page: Page | null): void => {
      if (page?.span.live === 0) pages.add(page);
    };
    for (const list of this.#free) for (const block of list) add(block.page);
    for (const page of this.#openPages) add(page);
    return pages;
  }

  /** Sorts and joins gaps. A gap at the top of the heap lowers the top instead. */
  #adopt(gaps: Gap[]): number {
    const joined: Gap[] = [];
    let total = 0;
    for (const { address, bytes } of gaps.sort((a, b) => a.address - b.address)) {
      const last = joined.at(-1);
      total += bytes;
      if (last !== undefined && last.address + last.bytes === address) last.bytes += bytes;
      else joined.push({ address, bytes });
    }
    const last = joined.at(-1);
    if (last !== undefined && last.address + last.bytes === this.#top) {
      this.#top = last.address;
      joined.pop();
    }
    this.#gaps = joined;
    return total;
  }

  /**
   * Makes the room of a span available, since the block, or all blocks of the page, were garbage collected. The
   * registry may report a span that {@link findForgotten} has found before.
   */
  #recover(span: Span): void {
    if (!this.#watched.delete(span)) return;
    const blockBytes = sizeOf(span.sizeClass);
    this.#live -= span.live;
    this.#held[span.sizeClass]! -= span.live / blockBytes;
    if (blockBytes <= SMALL) this.#freePages.push(span.address);
    else this.#free[span.sizeClass]!.push(this.#blockOver(new Span(span.address, span.bytes, span.sizeClass)));
  }

  #exhausted(needed: number): never {
    const blocks = [...this.#held].map((count, sizeClass) => [sizeOf(sizeClass), count] as const);
    const { maximumBytes, largestBlock: largest, wide } = this.heap;
    const lifted = wide || !offersWide() ? undefined : "the limit with DL_MEMORY64=1";
    const raise = this.limit < maximumBytes ? "setMemoryLimit(bytes)" : lifted;
    return failExhausted({ device: "cpu", needed, limit: this.limit, largest, blocks, raise });
  }
}
