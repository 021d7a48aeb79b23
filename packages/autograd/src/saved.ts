/**
 * Values saved for the backward pass. A saved value retains the storage and remembers its version, which must still be
 * the same when the value is used.
 */
import { fail, type Storage, showShape, Tensor } from "@dl/tensor";
import { nodeOf, slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";

export interface Saved {
  /**
   * Makes a handle with the history of the value, which is `maker` for a result of the node that saved it.
   * @throws TensorError if the value was written in place since
   */
  open(op: string, maker: Node | null): Tensor;
  release(): void;
}

class SavedTensor implements Saved {
  readonly #view: Pick<Tensor, "shape" | "strides" | "offset" | "dtype">;
  readonly #storage: Storage;
  readonly #version: number;
  readonly #node: Node | "maker" | null;
  readonly #slot: number;

  constructor(tensor: Tensor, version: number, result: boolean) {
    const { storage, shape, strides, offset, dtype } = tensor;
    storage.retain();
    this.#storage = storage;
    this.#view = { shape, strides, offset, dtype };
    this.#version = version;
    this.#node = result ? "maker" : nodeOf(tensor);
    this.#slot = result ? tensor.outputIndex : slotOf(tensor);
  }

  open(op: string, maker: Node | null): Tensor {
    const { shape, strides, offset, dtype } = this.#view;
    const { version } = this.#storage;
    if (version !== this.#version) {
      fail(
        op,
        `backward needs a ${dtype} tensor of shape ${showShape(shape)} that was changed in place: ` +
          `it is at version ${version}, version ${this.#version} was saved`,
        "Write into a .clone(), or use the form of the op without _",
      );
    }
    const tensor = new Tensor(this.#storage, shape, strides, offset, dtype);
    tensor.node = this.#node === "maker" ? maker : this.#node;
    tensor.outputIndex = this.#slot;
    return tensor;
  }

  release(): void {
    this.#storage.release();
  }
}

/** How a value is saved; checkpointing replaces this. */
export type Saver = (tensor: Tensor, version: number, result: boolean) => Saved;

export const keepTensor: Saver = (tensor, version, result) => new SavedTensor(tensor, version, result);
let saver = keepTensor;

/**
 * Saves a value.
 * @param version the version of its storage for which the value is right
 * @param result whether it is an output of the node that saves it
 */
export function save(tensor: Tensor, version: number, result: boolean): Saved {
  return saver(tensor, version, result);
}

/** Runs `body` with another way of keeping values. */
export function withSaver<T>(other: Saver, body: () => T): T {
  const before = saver;
  saver = other;
  try {
    return body();
  } finally {
    saver = before;
  }
}

/** Throws for a node whose saved values an earlier pass has freed. */
export function failPassed(name: string): never {
  return fail(
    "backward",
    `the graph was passed before, and the values that ${name} had saved are freed`,
    "Give { retainGraph: true } to the first backward",
  );
}
