/** The blocks that the allocator hands out, and the spans by which it notices that blocks were garbage collected. */
import { sizeOf } from "./size-classes.ts";

/** A range of the heap with an entry in the FinalizationRegistry: one block, or a page of small blocks. */
export class Span {
  readonly address: number;
  readonly bytes: number;
  /** The size class of its blocks. */
  readonly sizeClass: number;
  /** Bytes in blocks that are in use. */
  live = 0;
  /** The object that the registry watches: the block, or the page. */
  target: WeakRef<object> | null = null;

  constructor(address: number, bytes: number, sizeClass: number) {
    this.address = address;
    this.bytes = bytes;
    this.sizeClass = sizeClass;
  }
}

/** A page of small blocks. Only its blocks refer to it, so it is garbage collected with the last of them. */
export class Page {
  readonly span: Span;
  used = 0;

  constructor(span: Span) {
    this.span = span;
  }
}

/**
 * A piece of the heap. Hold the object as long as the memory is needed: when it is garbage collected, the memory is
 * reused.
 */
export class Block {
  /** Byte address, a multiple of 64. */
  readonly address: number;
  /** Its size, which may be larger than was asked for. */
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
