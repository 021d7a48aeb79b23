/**
 * The one memory that everything lives in, and typed arrays over all of it. The views are replaced when it grows: read
 * them from the heap each time (`heap.f32[address / 4]`), never keep one over an allocation.
 */
import { PAGES, WIDE_PAGES } from "../wasm/emitter.ts";
import { builtin, environment } from "./host.ts";

const PAGE = 65536;
const MAXIMUM_PAGES = [PAGES, 32768, 16384, 8192, 2048];
const MAXIMUM_WIDE_PAGES = [WIDE_PAGES, WIDE_PAGES / 2];
/** Offsets within a block of wide memory are numbers of 32 bits with a sign. */
const LARGEST_OFFSET = 2 ** 31;

/** Addresses below this belong to the runtime (see `layout.ts`); the end is kept free, so that vectors may read over. */
const TAIL_GUARD = 256;

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Whether workers can see the memory. */
  readonly shared: boolean;
  /** Whether addresses have 64 bits. */
  readonly wide: boolean;
  readonly maximumBytes: number;
  /** The most bytes that one block may have. */
  readonly largestBlock: number;
  f32!: Float32Array;
  f64!: Float64Array;
  i64!: BigInt64Array;
  i32!: Int32Array;
  i16!: Int16Array;
  i8!: Int8Array;
  u32!: Uint32Array;
  u16!: Uint16Array;
  u8!: Uint8Array;

  /** @throws if the host has no WebAssembly. */
  constructor(shared: boolean = canShare(), wide: boolean = environment("DL_MEMORY64") === "1") {
    const [memory, pages] = reserve(shared, wide ? [...MAXIMUM_WIDE_PAGES, ...MAXIMUM_PAGES] : MAXIMUM_PAGES);
    this.memory = memory;
    this.shared = shared;
    this.wide = pages > PAGES;
    this.maximumBytes = pages * PAGE - TAIL_GUARD;
    this.largestBlock = this.wide ? LARGEST_OFFSET : this.maximumBytes;
    this.refresh();
  }

  /** Bytes that can be used now. */
  get bytes(): number {
    return this.u8.byteLength - TAIL_GUARD;
  }

  /** Makes at least `bytes` usable; false if the host refuses. Grows in steps of an eighth. */
  grow(bytes: number): boolean {
    if (bytes <= this.bytes) return true;
    if (bytes > this.maximumBytes) return false;
    const generous = Math.min(this.maximumBytes, Math.max(bytes, this.bytes * 1.125));
    const grown = this.#growTo(generous) || this.#growTo(bytes);
    this.refresh();
    return grown;
  }

  /** Makes the views cover the memory as it is now; cheap when nothing changed. */
  refresh(): void {
    const { buffer } = this.memory;
    if (this.u8?.buffer === buffer) return;
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }

  /** Writes an address down for kernels, at an index of `i32`; they read it with `loadAddress`. */
  putAddress(index: number, address: number): void {
    this.i32[index] = address;
    this.i32[index + 1] = address / 2 ** 32;
  }

  #growTo(bytes: number): boolean {
    const pages = Math.ceil((bytes + TAIL_GUARD) / PAGE) - this.memory.buffer.byteLength / PAGE;
    try {
      if (pages > 0) this.memory.grow((this.wide ? BigInt(pages) : pages) as number);
      return true;
    } catch {
      return false;
    }
  }
}

/** Shared memory needs SharedArrayBuffer: always in Node, in browsers only on cross-origin isolated pages. */
function canShare(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  return builtin("node:worker_threads") !== undefined || globalThis.crossOriginIsolated === true;
}

/** Only addresses are reserved here; pages cost memory once they are written. */
function reserve(shared: boolean, maxima: readonly number[]): [WebAssembly.Memory, number] {
  let failure: unknown;
  for (const maximum of maxima) {
    try {
      return [create(shared, maximum), maximum];
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(
    "cpu: no WebAssembly memory is to be had. Remedy: a host with WebAssembly and 128 MiB of addresses.",
    {
      cause: failure,
    },
  );
}

function create(shared: boolean, maximum: number): WebAssembly.Memory {
  if (maximum <= PAGES) return new WebAssembly.Memory({ initial: 64, maximum, shared });
  const wide = { initial: 64n, maximum: BigInt(maximum), shared, address: "i64" };
  return new WebAssembly.Memory(wide as unknown as WebAssembly.MemoryDescriptor);
}

/** Whether the host has memory with addresses of 64 bits: Node 24 and Chromium do. */
export function offersWide(): boolean {
  try {
    return create(false, PAGES + 1) !== undefined;
  } catch {
    return false;
  }
}
