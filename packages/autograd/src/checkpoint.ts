/** Memory for time: what a part of the model saves for backward is dropped, and computed again when backward comes. */
import { defaultGenerator, enableGrad, fail, isGradEnabled, isTensor, scope, type Tensor } from "@dl/tensor";
import { nodeOf, slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";
import { keepTensor, type Saved, type Saver, withSaver } from "./saved.ts";

/**
 * Calls `f(...args)` and keeps only `args` for backward, which calls it again. Random numbers are the same the second
 * time. What `f` makes is freed when it returns, except for its results.
 * @param f synchronous; computes the same on the second call
 * @throws TensorError in backward, when the second call differed or an argument was changed in place meanwhile
 * @see https://pytorch.org/docs/stable/checkpoint.html
 */
export function checkpoint<A extends readonly unknown[], R>(f: (...args: A) => R, ...args: A): R {
  if (!isGradEnabled()) return f(...args);
  const segment = new Segment(f as (...args: readonly unknown[]) => unknown, args);
  const results = withSaver(segment.saver, () => scope(() => f(...args) as never)) as R;
  segment.seal();
  return results;
}

/** For the second call: it records a graph of its own, which nobody will ask. */
const inert: Saved = {
  open: () => fail("checkpoint", "the graph of the second call was differentiated"),
  release: () => {},
};

class Segment {
  readonly #f: (...args: readonly unknown[]) => unknown;
  readonly #args: readonly unknown[];
  readonly #kept: (Saved | null)[];
  readonly #random = defaultGenerator.getState();
  #again: (Saved | null)[] | null = null;
  #count = 0;
  #waiting = 0;

  constructor(f: (...args: readonly unknown[]) => unknown, args: readonly unknown[]) {
    this.#f = f;
    this.#args = args.map((arg) => (isTensor(arg) ? arg.requiresGrad : arg));
    this.#kept = args.map((arg) => (isTensor(arg) ? keepTensor(arg, arg.storage.version, false) : null));
  }

  readonly saver: Saver = (tensor, _version, result) => {
    this.#waiting++;
    return new Recomputed(
      this,
      this.#count++,
      result ? "maker" : nodeOf(tensor),
      result ? tensor.outputIndex : slotOf(tensor),
    );
  };

  /** Nothing was saved: nothing will be computed again. */
  seal(): void {
    if (this.#count === 0) this.#releaseArgs();
  }

  value(index: number): Saved {
    this.#again ??= this.#recompute();
    return this.#again[index]!;
  }

  release(index: number): void {
    this.#again?.[index]?.release();
    if (this.#again) this.#again[index] = null;
    if (--this.#waiting === 0) this.#releaseArgs();
  }

  #releaseArgs(): void {
    for (const kept of this.#kept) kept?.release();
  }

  #recompute(): Saved[] {
    const again: Saved[] = [];
    const collect: Saver = (...saving) => {
      again.push(keepTensor(...saving));
      return inert;
    };
    const now = defaultGenerator.getState();
    defaultGenerator.setState(this.#random);
    try {
      withSaver(collect, () => enableGrad(() => scope(() => void this.#f(...this.#open()))));
    } finally {
      defaultGenerator.setState(now);
    }
    if (again.length !== this.#count) {
      fail(
        "checkpoint",
        `the first call saved ${this.#count} values, the second ${again.length}`,
        "The function must do the same each time",
      );
    }
    return again;
  }

  /** The arguments as leaves, with or without gradients as they had. */
  #open(): unknown[] {
    return this.#kept.map((kept, i) =>
      kept
        ? kept
            .open("checkpoint", null as never)
            .detach()
            .requiresGrad_(this.#args[i] as boolean)
        : this.#args[i],
    );
  }
}

/** A saved value of the first call: its memory is the second call's, its history its own. */
class Recomputed implements Saved {
  readonly #segment: Segment;
  readonly #index: number;
  readonly #node: Node | "maker" | null;
  readonly #slot: number;

  constructor(segment: Segment, index: number, node: Node | "maker" | null, slot: number) {
    this.#segment = segment;
    this.#index = index;
    this.#node = node;
    this.#slot = slot;
  }

  open(op: string, maker: Node): Tensor {
    const tensor = this.#segment.value(this.#index).open(op, maker);
    tensor.node = this.#node === "maker" ? maker : this.#node;
    tensor.outputIndex = this.#slot;
    return tensor;
  }

  release(): void {
    this.#segment.release(this.#index);
  }
}
