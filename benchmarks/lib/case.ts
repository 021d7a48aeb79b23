// What a case is, and the units that its row may have.

import type { DType } from "@dl/tensor";

/** A call in words that both sides read: in Python's spelling, functions of PyTorch, `F.` for its nn.functional; keywords last. */
export interface Call {
  readonly text: string;
  /** Of the inputs that have no dtype of their own. */
  readonly dtype: DType;
  /** Forward and back again, from a gradient of ones that is there already. */
  readonly gradient: boolean;
}

export interface Case {
  readonly name: string;
  /** What the children need to set the case up: sizes, batch, learning rate. */
  readonly size: Readonly<Record<string, number>>;
  /** A row of the sweep: it is measured briefly. */
  readonly call?: Call;
  readonly unit: string;
  readonly higherIsBetter: boolean;
  /** From the amount that a child reports, which is less where it is better, to the value in the row. */
  readonly value: (amount: number) => number;
  /** Names of the libraries that are asked for it besides ours. */
  readonly peers: readonly string[];
  /** Those whose row only says that a call takes half a minute and more. */
  readonly tooSlow?: readonly string[];
  readonly note?: string;
}

/** How a case is counted. */
export type Unit = Pick<Case, "unit" | "higherIsBetter" | "value">;

export const rate = (perCall: number, unit: string): Unit => ({
  unit,
  higherIsBetter: true,
  value: (seconds) => perCall / seconds,
});

const scaled = (unit: string, factor: number): Unit => ({
  unit,
  higherIsBetter: false,
  value: (amount) => amount * factor,
});
export const micros: Unit = scaled("µs", 1e6);
export const millis: Unit = scaled("ms", 1e3);
/** Of bytes, not of seconds. */
export const megabytes: Unit = scaled("MB", 1e-6);
/** Of how many times slower something is than it could be. */
export const share = (of: string): Unit => rate(100, `% of ${of}`);

export const torch: readonly string[] = ["pytorch"];
export const trainers: readonly string[] = [...torch, "jax-js", "tfjs-wasm", "tfjs-cpu"];
export const everyone: readonly string[] = [...trainers, "onnxruntime-node", "onnxruntime-web"];
