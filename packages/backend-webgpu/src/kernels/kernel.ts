/** What a kernel is: it reads operands, launches or remembers work, and gives the values of its outputs. */
import type { Attrs, FusedOp, KernelOp, TensorMeta } from "@dl/tensor";
import type { Cell, CellView, Operand } from "../cell.ts";
import type { Engine } from "../engine.ts";

export interface Call<K extends KernelOp | FusedOp> {
  readonly op: K;
  readonly inputs: readonly Operand[];
  readonly attrs: Attrs<K>;
  readonly outputs: readonly TensorMeta[];
}

export type Kernel<K extends KernelOp | FusedOp> = (engine: Engine, call: Call<K>) => readonly Cell[];

/** Inputs of kernels that are not element-wise are never numbers. */
export function views({ inputs }: { readonly inputs: readonly Operand[] }): readonly CellView[] {
  return inputs as readonly CellView[];
}
