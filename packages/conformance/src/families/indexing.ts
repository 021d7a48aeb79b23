/** `input[index]` and `work[index] = value` through `t.at(…)` and `t.set_(…, value)`. */
import { type Index, type Operand, Tensor } from "@dl/tensor";
import { compareTensor, ruleFor } from "../compare.ts";
import { Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { differentiate } from "../gradients.ts";
import { mismatch } from "../outcome.ts";
import type { Recorded, TensorRef, Value } from "../records.ts";

type Item =
  | { readonly int: number }
  | { readonly slice: readonly (number | null)[] }
  | { readonly none: true }
  | { readonly ellipsis: true }
  | { readonly mask: TensorRef }
  | { readonly index: TensorRef };

interface IndexRecord extends Recorded {
  readonly kind: "getitem" | "setitem";
  readonly input: TensorRef;
  readonly index: readonly Item[];
  readonly out: TensorRef;
  readonly view?: boolean;
  readonly out_strides?: readonly number[];
  readonly out_offset?: number;
  readonly cotangent: TensorRef;
  readonly grad: TensorRef;
  readonly value?: Value;
  readonly value_grad?: TensorRef;
}

export const indexing: Family<IndexRecord> = {
  check(record, { device }) {
    const table = new Table(record.tensors, device);
    const input = table.tensor(record.input).requiresGrad_();
    const index = record.index.map((item) => position(item, table));
    const value = record.value === undefined ? undefined : (table.value(record.value) as Operand);
    const out = record.kind === "getitem" ? input.at(...index) : input.mul(1).set_(...index, value!);
    const rule = ruleFor(record, "out", device);
    compareTensor("out", out, table.spec(record.out), rule);
    if (record.view !== undefined) compareView(record, input, out);
    const wrt = value instanceof Tensor ? [input, value.requiresGrad_()] : [input];
    checkGradients(record, out, wrt, table);
  },
};

function position(item: Item, table: Table): Index {
  if ("int" in item) return item.int;
  if ("slice" in item) return item.slice;
  if ("none" in item) return null;
  if ("ellipsis" in item) return "...";
  return table.tensor("mask" in item ? item.mask : item.index);
}

function compareView(record: IndexRecord, input: Tensor, out: Tensor): void {
  const shares = out.storage === input.storage;
  if (record.view && !shares) mismatch("out", "is a copy, expected a view");
  const { out_strides: strides, out_offset: offset } = record;
  if (strides && String(out.strides) !== String(strides)) {
    mismatch("out", `has strides [${out.strides}], expected [${strides}]`);
  }
  if (offset !== undefined && out.offset !== offset) mismatch("out", `has offset ${out.offset}, expected ${offset}`);
}

function checkGradients(record: IndexRecord, out: Tensor, wrt: readonly Tensor[], table: Table): void {
  const [grad, valueGrad] = differentiate([out], [table.tensor(record.cotangent)], wrt);
  const rule = ruleFor(record, "grad", table.device);
  compareTensor("grad", grad, table.spec(record.grad), rule);
  if (record.value_grad) compareTensor("value_grad", valueGrad, table.spec(record.value_grad), rule);
}
