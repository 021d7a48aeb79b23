/** Storages are blocks of the one memory; kernels know them by byte address. */
import { type Backend, type DType, dtypes, Storage, type TypedArray, type View } from "@dl/tensor";
import type { Block } from "./runtime/block.ts";
import { heap, memory } from "./runtime/index.ts";

export class CpuStorage extends Storage {
  readonly block: Block;
  #freed = false;

  constructor(backend: Backend, dtype: DType, length: number) {
    super(backend, dtype, length);
    this.block = memory.allocate(length * dtypes[dtype].bytes);
  }

  /** The elements as a typed array over the heap. Do not keep it over an allocation. */
  get raw(): TypedArray {
    heap.refresh();
    return new dtypes[this.dtype].array(heap.memory.buffer, this.block.address, this.length);
  }

  protected override free(): void {
    if (this.#freed) return;
    this.#freed = true;
    memory.release(this.block);
  }
}

/** Byte address of a view's first element. */
export function addressOf(view: View): number {
  return (view.storage as CpuStorage).block.address + view.offset * dtypes[view.dtype].bytes;
}
