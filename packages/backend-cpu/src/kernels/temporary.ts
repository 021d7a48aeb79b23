/** Row-major copies that live as long as one kernel call. */
import { type Backend, type DType, isContiguous, type Shape, sizeOf, stridesOf, type View } from "@dl/tensor";
import { CpuStorage } from "../storage.ts";
import { convert } from "./copy.ts";
import type { Output } from "./kernel.ts";

/** Memory that is written by one kernel and read by the next. */
export interface Temporary extends View {
  readonly storage: CpuStorage;
  readonly address: number;
}

export class Temporaries {
  readonly #storages: CpuStorage[] = [];
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Fresh memory, row-major. */
  make(shape: Shape, dtype: DType): Temporary {
    const storage = new CpuStorage(this.#backend, dtype, sizeOf(shape));
    storage.retain();
    this.#storages.push(storage);
    return { storage, shape, dtype, strides: stridesOf(shape), offset: 0, address: storage.block.address };
  }

  /** The view itself where it is row-major and of that dtype, else a copy that is. */
  rowMajor(view: View, dtype: DType = view.dtype): View {
    if (view.dtype === dtype && isContiguous(view.shape, view.strides)) return view;
    const copy = this.make(view.shape, dtype);
    convert(view, copy);
    return copy;
  }

  release(): void {
    for (const storage of this.#storages) storage.release();
  }
}

/** Runs `body` and gives back what it made. `owner` is anything on the device. */
export function withTemporaries<T>(owner: Output | View, body: (temporaries: Temporaries) => T): T {
  const temporaries = new Temporaries(owner.storage.backend);
  try {
    return body(temporaries);
  } finally {
    temporaries.release();
  }
}

export function viewOf({ storage, shape, dtype, strides = stridesOf(shape), address }: Output): View {
  return { storage, shape, dtype, strides, offset: (address - storage.block.address) / storage.raw.BYTES_PER_ELEMENT };
}
