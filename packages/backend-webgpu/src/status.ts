/**
 * Kernels that find a bad index cannot throw. The first one is noted in device memory, and the next read throws the
 * error. (PyTorch on CUDA reports bad indices late, too.)
 */
import { fail } from "@dl/tensor";
import type { Block, Memory } from "./memory.ts";

/** [number of the check that failed, or 0; the index it met] */
export const statusBytes = 8;

export interface Check {
  readonly op: string;
  readonly dim: number;
  readonly size: number;
}

export class Status {
  readonly #memory: Memory;
  readonly #numbers = new Map<string, number>();
  readonly #checks: Check[] = [];
  #block: Block | null = null;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Where kernels note a failure, once any was launched that may. */
  get block(): Block | null {
    return this.#block;
  }

  /** The buffer to note a failure of this check in, and the number that stands for the check. */
  expect(check: Check): { readonly block: Block; readonly number: number } {
    this.#block ??= this.#memory.takeZeroed(statusBytes);
    const key = `${check.op},${check.dim},${check.size}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#checks.push(check);
      this.#numbers.set(key, number);
    }
    return { block: this.#block, number };
  }

  /** @throws TensorError when the words, read back, tell of a bad index; later checks start anew */
  report(words: Int32Array): void {
    const check = this.#checks[words[0]! - 1];
    if (!check) return;
    if (this.#block) this.#memory.give(this.#block);
    this.#block = null;
    fail(check.op, `index ${words[1]} is out of range for dimension ${check.dim} of size ${check.size}`);
  }
}
