/** The dtype that operands meet in: tensors, 0-d tensors and Python scalars of every kind. */
import { isFloat, ones, Tensor, tensor } from "@dl/tensor";
import { knownDType } from "../decode.ts";
import type { Context, Family } from "../family.ts";
import { mismatch } from "../outcome.ts";
import { evaluate } from "../python/interpreter.ts";
import type { Recorded } from "../records.ts";
import { resolve } from "../resolve.ts";
import { mustThrow } from "./errors.ts";

type Side = { readonly dtype: string; readonly kind: "tensor" | "0d" } | { readonly scalar: "bool" | "int" | "float" };

interface PromotionRecord extends Recorded {
  readonly op: string;
  readonly lhs: Side;
  readonly rhs?: Side;
  readonly out_dtype?: string;
  readonly error?: { readonly type: string; readonly message: string };
}

/** What PyTorch's CPU build merely lacks, in 16-bit floats; having it is no mistake. */
const gap = /not implemented for '(Half|BFloat16)'/;

export const promotion: Family<PromotionRecord> = {
  check(record, { device }) {
    const compute = record.rhs ? pair(record, device) : single(record, device);
    if (record.error) return gap.test(record.error.message) ? undefined : mustThrow(compute);
    const out = compute();
    const first = Array.isArray(out) ? out[0] : out;
    const got = first instanceof Tensor ? first.dtype : first;
    if (got !== record.out_dtype) mismatch("dtype", `is ${got}, expected ${record.out_dtype}`);
  },
};

/** Python's scalars in JavaScript: a whole number for int, a fraction for float, a 0-d tensor for bool. */
function operand(side: Side, { device }: Context): Tensor | number {
  if ("scalar" in side) return { bool: tensor(true, { device }), int: 1, float: 1.5 }[side.scalar];
  return ones(side.kind === "0d" ? [] : [3], { dtype: knownDType(side.dtype), device });
}

function pair({ op, lhs, rhs, error }: PromotionRecord, device: string): () => unknown {
  const a = operand(lhs, { device });
  // What must be refused for being no tensor may not come as one.
  const b = error?.type === "TypeError" && "scalar" in rhs! && rhs.scalar === "bool" ? true : operand(rhs!, { device });
  const { call } = resolve(`torch.${op}`);
  if (op === "where") return () => call([ones([3], { dtype: "bool", device }), a, b]);
  return () => call(op === "cat" ? [[a, b]] : [a, b]);
}

/** `clamp(0,1)` takes the operand first, `pow 2` as its left side; `rpow 2` has it on the right. */
function single({ op, lhs }: PromotionRecord, device: string): () => unknown {
  const x = operand(lhs, { device });
  const call = /^(\w+)\((.*)\)$/.exec(op);
  if (call) return () => evaluate(`${call[1]}(x,${call[2]})`, { x }, (number) => literal(number, x as Tensor));
  const [name, text] = op.split(" ") as [string, string?];
  if (text === undefined) return () => evaluate(defaults[name] ?? `${name}(x)`, { x });
  const value = literal(text, x as Tensor);
  if (name === "rpow") return () => resolve("torch.pow").call([value, x]);
  if (name === "masked_fill") return () => evaluate("masked_fill(x,x==x,value)", { x, value });
  return () => resolve(`torch.${name === "floordiv" ? "floor_divide" : name}`).call([x, value]);
}

/** What the record leaves out. */
const defaults: Readonly<Record<string, string>> = {
  cumsum: "cumsum(x,0)",
  softmax: "softmax(x,0)",
  logsumexp: "logsumexp(x,0)",
  matmul: "matmul(x,x)",
  topk: "topk(x,1)",
  max: "max(x)",
};

/** Among whole numbers a float or bool literal must say what it is. */
function literal(text: string, { dtype, device }: Tensor): unknown {
  if (text === "True" || text === "False") return tensor(text === "True", { device });
  const wholeFloat = text.includes(".") && Number.isInteger(Number(text));
  return wholeFloat && !isFloat(dtype) ? tensor(Number(text), { dtype: "float32", device }) : Number(text);
}
