/** What the allocator hands out, and what keeps the collector's account of it. */
import { sizeOf } from "./size-classes.ts";

/** A range of the heap that has a registry entry: one block, or a page of small ones. */
export class Span {
  readonly address: number;
  readonly bytes: number;
  /** The class of its blocks. */
  readonly sizeClass: number;
  /** Bytes in blocks that are in use. */
  live = 0;
  /** What the registry watches: the block, or the page. */
  target: WeakRef<object> | null = null;

  constructor(address: number, bytes: number, sizeClass: number) {
    this.address = address;
    this.bytes = bytes;
    this.sizeClass = sizeClass;
  }
}

/** Kept alive by its blocks: once all are gone, so is the page. */
export class Page {
  readonly span: Span;
  used = 0;

  constructor(span: Span) {
    this.span = span;
  }
}

/** A piece of the heap. Keep the object as long as the memory is needed. */
export class Block {
  /** Byte address, a multiple of 64. */
  readonly address: number;
  /** Its real size, at least what was asked for. */
  readonly bytes: number;
  /** @internal */
  readonly sizeClass: number;
  /** @internal */
  readonly span: Span;
  /** @internal */
  readonly page: Page | null;
  /** @internal */
  held = false;

  /** @internal */
  constructor(address: number, sizeClass: number, span: Span, page: Page | null) {
    this.address = address;
    this.bytes = sizeOf(sizeClass);
    this.sizeClass = sizeClass;
    this.span = span;
    this.page = page;
  }
}
