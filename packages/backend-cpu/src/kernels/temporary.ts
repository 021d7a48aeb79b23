/** Temporary memory that lives as long as one kernel call. */
import {
  type Backend,
  type DType,
  dtypes,
  isContiguous,
  type KernelInput,
  type Shape,
  sizeOf,
  stridesOf,
  type View,
} from "@dl/tensor";
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

  /** Allocates memory for a row-major tensor. */
  make(shape: Shape, dtype: DType): Temporary {
    const storage = new CpuStorage(this.#backend, dtype, sizeOf(shape));
    storage.retain();
    this.#storages.push(storage);
    return { storage, shape, dtype, strides: stridesOf(shape), offset: 0, address: storage.block.address };
  }

  /** The view itself if it is row-major and has the dtype, otherwise a copy. */
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

/** Runs `body`, and frees the temporaries it made. `owner` is any view or output on the device. */
export function withTemporaries<T>(owner: Output | View, body: (temporaries: Temporaries) => T): T {
  const temporaries = new Temporaries(owner.storage.backend);
  try {
    return body(temporaries);
  } finally {
    temporaries.release();
  }
}

/** Calls `body` for slices of at most `most` positions of a dimension. The inputs have the shape of `out`. */
export function bySlices<X extends KernelInput>(
  inputs: readonly X[],
  out: Output,
  dim: number,
  most: number,
  body: (inputs: readonly X[], out: Output) => void,
): void {
  if (out.shape.length === 0) {
    body(inputs, out);
    return;
  }
  const outStrides = out.strides ?? stridesOf(out.shape);
  const size = out.shape[dim]!;
  for (let start = 0; start < size; start += most) {
    const shape = out.shape.with(dim, Math.min(most, size - start));
    const slice = ({ storage, dtype, strides, offset }: View): View => {
      return { storage, dtype, strides, shape, offset: offset + start * strides[dim]! };
    };
    const some = inputs.map((x) => (typeof x === "number" ? x : slice(x)));
    const address = out.address + start * outStrides[dim]! * dtypes[out.dtype].bytes;
    body(some as X[], { ...out, shape, strides: outStrides, address });
  }
}

export function viewOf({ storage, shape, dtype, strides = stridesOf(shape), address }: Output): View {
  return { storage, shape, dtype, strides, offset: (address - storage.block.address) / storage.raw.BYTES_PER_ELEMENT };
}
