/** Tensors as text, to the character. Dtypes are spelled without PyTorch's `torch.` prefix. */
import * as nn from "@dl/nn";
import { setPrintOptions, type Tensor } from "@dl/tensor";
import { camelOptions } from "../call.ts";
import { makeTensor, Table } from "../decode.ts";
import type { Family } from "../family.ts";
import { mismatch, unsupported } from "../outcome.ts";
import { evaluate } from "../python/interpreter.ts";
import type { Kwargs, Recorded, TensorRef } from "../records.ts";

interface PrintRecord extends Recorded {
  readonly tensor: TensorRef;
  readonly repr: string;
  readonly requires_grad?: boolean;
  readonly parameter?: boolean;
  readonly printoptions?: Kwargs;
  /** How the tensor comes from the leaf `x`. */
  readonly expr?: string;
  readonly x?: TensorRef;
}

export const print: Family<PrintRecord> = {
  check(record, { device }) {
    const table = new Table(record.tensors, device);
    setPrintOptions({ profile: "default" });
    if (record.printoptions) setPrintOptions(camelOptions(record.printoptions, table));
    try {
      sameText("repr", String(subject(record, table)), record.repr);
    } finally {
      setPrintOptions({ profile: "default" });
    }
  },
};

type ParameterClass = new (data: Tensor, requiresGrad: boolean) => object;

function subject(record: PrintRecord, table: Table): unknown {
  if (record.expr) return evaluate(record.expr, { x: leaf(record.x!, table, true) });
  const requiresGrad = record.requires_grad ?? false;
  if (!record.parameter) return leaf(record.tensor, table, requiresGrad);
  const Parameter = (nn as unknown as { Parameter?: ParameterClass }).Parameter ?? unsupported("nn.Parameter");
  return new Parameter(leaf(record.tensor, table, false), requiresGrad);
}

function leaf(ref: TensorRef, table: Table, requiresGrad: boolean): Tensor {
  return makeTensor({ ...table.spec(ref), requires_grad: requiresGrad }, table.device);
}

/** Compares text, naming the first line that differs. */
export function sameText(where: string, got: string, recorded: string): void {
  const expected = recorded.replaceAll("torch.", "");
  if (got === expected) return;
  const [a, b] = [got.split("\n"), expected.split("\n")];
  const line = b.findIndex((text, i) => text !== a[i]);
  const at = line < 0 ? b.length : line;
  mismatch(
    where,
    `line ${at + 1} is ${JSON.stringify(a[at] ?? "missing")}, expected ${JSON.stringify(b[at] ?? "none")}`,
  );
}
