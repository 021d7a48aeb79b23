/**
 * The one memory that everything lives in, and typed arrays over all of it. The views are replaced when it grows: read
 * them from the heap each time (`heap.f32[address >>> 2]`), never keep one over an allocation.
 */
import { builtin } from "./host.ts";

const PAGE = 65536;
const MAXIMUM_PAGES = [65536, 32768, 16384, 8192, 2048];

/** Addresses below this belong to the runtime (see `layout.ts`); the end is kept free, so that vectors may read over. */
const TAIL_GUARD = 256;

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Whether workers can see the memory. */
  readonly shared: boolean;
  readonly maximumBytes: number;
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
  constructor(shared: boolean = canShare()) {
    const [memory, pages] = reserve(shared);
    this.memory = memory;
    this.shared = shared;
    this.maximumBytes = pages * PAGE - TAIL_GUARD;
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

  #growTo(bytes: number): boolean {
    const pages = Math.ceil((bytes + TAIL_GUARD) / PAGE) - this.memory.buffer.byteLength / PAGE;
    try {
      if (pages > 0) this.memory.grow(pages);
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
function reserve(shared: boolean): [WebAssembly.Memory, number] {
  let failure: unknown;
  for (const maximum of MAXIMUM_PAGES) {
    try {
      const memory = new WebAssembly.Memory({ initial: 64, maximum, shared });
      return [memory, maximum];
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
