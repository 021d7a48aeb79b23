/**
 * Saves memory at the cost of time: values that a part of the model would save for backward are computed again there.
 */
import { defaultGenerator, enableGrad, fail, isGradEnabled, isTensor, scope, type Tensor } from "@dl/tensor";
import { nodeOf, slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";
import { keepTensor, type Saved, type Saver, save, withSaver } from "./saved.ts";

type Fn<R> = (...args: readonly unknown[]) => R;

/**
 * Calls `f(...args)` and keeps only `args` for backward, which calls it again. Random numbers of the default generator
 * are the same the second time. What `f` makes is freed when it returns, except for its results.
 * @param f synchronous; does the same on the second call. Checkpoints may stand inside it.
 * @throws TensorError in backward, when the second call saved another number of values, or an argument was changed in
 * place meanwhile
 * @see https://pytorch.org/docs/stable/checkpoint.html
 * @example
 * const block = new Sequential(new Linear(4, 64), new ReLU(), new Linear(64, 2));
 * const y = checkpoint((x: Tensor) => block(x), rand(8, 4, { requiresGrad: true }));
 * y.sum().backward(); // calls the block again
 */
export function checkpoint<A extends readonly unknown[], R>(f: (...args: A) => R, ...args: A): R {
  if (!isGradEnabled()) return f(...args);
  const segment = new Segment(f as Fn<R>, args);
  return segment.run(args) as R;
}

/** Saved values of the second call, whose own graph is never differentiated. */
const inert: Saved = {
  open: () => fail("checkpoint", "the graph of the second call was differentiated"),
  release: () => {},
};

class Segment {
  readonly #f: Fn<unknown>;
  /** The arguments; in place of each tensor, whether it requires grad. */
  readonly #args: readonly unknown[];
  readonly #kept: readonly (Saved | null)[];
  readonly #random = defaultGenerator.getState();
  #again: (Saved | null)[] | null = null;
  #count = 0;
  /** How many values have not been released yet; while it runs, the first call counts as one more. */
  #waiting = 1;

  constructor(f: Fn<unknown>, args: readonly unknown[]) {
    this.#f = f;
    this.#args = args.map((arg) => (isTensor(arg) ? arg.requiresGrad : arg));
    this.#kept = args.map((arg) => (isTensor(arg) ? save(arg, arg.storage.version, false) : null));
  }

  run(args: readonly unknown[]): unknown {
    try {
      return withSaver(this.#saver, () => scope(() => this.#f(...args) as never));
    } finally {
      this.#done();
    }
  }

  value(index: number): Saved {
    this.#again ??= this.#recompute();
    return this.#again[index]!;
  }

  release(index: number): void {
    if (this.#again) {
      this.#again[index]?.release();
      this.#again[index] = null;
    }
    this.#done();
  }

  readonly #saver: Saver = (tensor, _version, result) => {
    this.#waiting++;
    const [node, slot] = result ? ["maker" as const, tensor.outputIndex] : [nodeOf(tensor), slotOf(tensor)];
    return new Recomputed(this, this.#count++, node, slot);
  };

  #done(): void {
    if (--this.#waiting === 0) for (const kept of this.#kept) kept?.release();
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
      for (const saved of again) saved.release();
      const counts = `the first call saved ${this.#count} values, the second ${again.length}`;
      fail("checkpoint", counts, "The function must do the same each time");
    }
    return again;
  }

  /** The arguments, with tensors as leaves that require grad if they did. */
  #open(): unknown[] {
    return this.#args.map((arg, i) => {
      const kept = this.#kept[i];
      return kept
        ? kept
            .open("checkpoint", null)
            .detach()
            .requiresGrad_(arg as boolean)
        : arg;
    });
  }
}

/** A saved value of the first call: its memory is made by the second call, its history is that of the first. */
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

  open(op: string, maker: Node | null): Tensor {
    const tensor = this.#segment.value(this.#index).open(op, maker);
    tensor.node = this.#node === "maker" ? maker : this.#node;
    tensor.outputIndex = this.#slot;
    return tensor;
  }

  release(): void {
    this.#segment.release(this.#index);
  }
}
