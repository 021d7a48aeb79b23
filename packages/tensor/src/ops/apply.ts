/** The one road that every operation takes: coerce, infer, launch, record. */
import type { KernelCall, KernelInput, TensorMeta, View } from "../backend.ts";
import { dtypes } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { getBackend } from "../registry.ts";
import { type Shape, sameShape, stridesOf } from "../shape.ts";
import { state } from "../state.ts";
import { Tensor } from "../tensor.ts";
import { broadcastAll, checkDevices, computeDType, expanded, firstTensor } from "./coerce.ts";
import { accumulatorOf, infer, reduceShape } from "./infer.ts";
import {
  type Attrs,
  binaryOps,
  type DTypeRule,
  type FusedOp,
  type KernelOp,
  type Op,
  reduceOps,
  scanOps,
  unaryOps,
  type ViewOp,
} from "./table.ts";

const none: object = {};
const elementwise: Readonly<Record<string, { readonly dtype: DTypeRule }>> = {
  ...unaryOps,
  ...binaryOps,
  where: { dtype: "same" },
};

interface Plan {
  /** What is recorded. */
  readonly inputs: readonly Operand[];
  /** What the kernel gets. */
  readonly views: readonly KernelInput[];
  readonly outputs: readonly TensorMeta[];
}

/** Runs an op with one output, or gives the first of several. */
export function apply<K extends KernelOp | FusedOp>(op: K, inputs: readonly Operand[], attrs?: Attrs<K>): Tensor {
  return applyAll(op, inputs, attrs)[0]!;
}

/** Runs an op and gives all its outputs. */
export function applyAll<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly Operand[],
  attrs: Attrs<K> = none as Attrs<K>,
  device?: string,
): Tensor[] {
  const plan = planCall(op, inputs, attrs);
  const backend = firstTensor(inputs)?.storage.backend ?? getBackend(device);
  const storages = backend.run({ op, inputs: plan.views, attrs, outputs: plan.outputs } as unknown as KernelCall);
  const results = storages.map((storage, i) => wrap(storage, plan.outputs[i]!));
  if (recording(plan.inputs)) state.recorder!.record(op, plan.inputs, attrs, results);
  return results;
}

/** Runs an op and writes its result into `target`, which may be one of the inputs. */
export function applyInPlace<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly Operand[],
  target: Tensor,
  attrs: Attrs<K> = none as Attrs<K>,
): Tensor {
  checkWritable(op, target);
  const plan = planCall(op, inputs, attrs);
  checkFits(op, plan.outputs[0]!, target);
  if (plan.outputs[0]!.dtype !== target.dtype) return throughCopy(op, inputs, target, attrs);
  const views = plan.views.map((view) => apart(view, target));
  const recorder = recording(plan.inputs) || recording([target, target.base ?? target]) ? state.recorder : null;
  const before = recorder?.beforeInPlace(op, plan.inputs, target);
  target.storage.backend.runInto({ op, inputs: views, attrs, outputs: plan.outputs } as unknown as KernelCall, target);
  target.storage.version++;
  if (before) {
    const recorded = plan.inputs.map((input) => (input === target ? before : input));
    recorder!.recordInPlace(op, recorded, attrs, target, before);
    before.dispose();
  }
  return target;
}

/** Another view of `input`'s memory. */
export function applyView<K extends ViewOp>(
  op: K,
  input: Tensor,
  attrs: Attrs<K>,
  shape: Shape,
  strides: Shape,
  offset: number = input.offset,
): Tensor {
  const view = new Tensor(input.storage, shape, strides, offset, input.dtype);
  view.base = input.base ?? input;
  view.baseHistory = view.base.history;
  if (state.gradEnabled && input.requiresGrad) state.recorder?.record(op as Op, [input], attrs, [view]);
  return view;
}

function planCall<K extends KernelOp | FusedOp>(op: K, inputs: readonly Operand[], attrs: Attrs<K>): Plan {
  checkDevices(op, inputs);
  const row = elementwise[op];
  if (row) return planElementwise(op, row.dtype, inputs);
  const outputs =
    op in reduceOps || op in scanOps ? folded(op, inputs[0] as Tensor, attrs) : inferred(op, inputs, attrs);
  return { inputs, views: inputs, outputs };
}

function planElementwise(op: string, rule: DTypeRule, inputs: readonly Operand[]): Plan {
  const data = op === "where" ? inputs.slice(1) : inputs;
  const dtype = computeDType(op, rule, data);
  const cast = inputs.map((input, i) =>
    typeof input === "number" || input.dtype === dtype || (op === "where" && i === 0)
      ? input
      : apply("cast", [input], { dtype }),
  );
  const shape = broadcastAll(op, inputs);
  const views = cast.map((input) => expanded(input, shape));
  return { inputs: cast, views, outputs: [{ shape, dtype: rule === "bool" || rule === "logical" ? "bool" : dtype }] };
}

function folded(op: string, input: Tensor, attrs: object): readonly TensorMeta[] {
  if (op in scanOps) {
    const { shape } = input;
    const values = { shape, dtype: op === "cumsum" || op === "cumprod" ? accumulatorOf(input.dtype) : input.dtype };
    return op === "cummax" || op === "cummin" ? [values, { shape, dtype: "int64" }] : [values];
  }
  const { dims, keepdim } = attrs as Attrs<"sum">;
  const rule = reduceOps[op as "sum"].dtype as (typeof reduceOps)[keyof typeof reduceOps]["dtype"];
  const results = { acc: accumulatorOf(input.dtype), same: input.dtype, index: "int64", logical: "bool" } as const;
  return [{ shape: reduceShape(input.shape, dims, keepdim), dtype: results[rule] }];
}

function inferred(op: string, inputs: readonly Operand[], attrs: object): readonly TensorMeta[] {
  const rule = infer[op as keyof typeof infer] as (inputs: readonly Operand[], attrs: object) => readonly TensorMeta[];
  return rule(inputs, attrs);
}

function wrap(storage: View["storage"], { shape, dtype }: TensorMeta): Tensor {
  return new Tensor(storage, shape, stridesOf(shape), 0, dtype);
}

function recording(inputs: readonly Operand[]): boolean {
  if (!state.gradEnabled || state.recorder === null) return false;
  for (const input of inputs) if (typeof input !== "number" && input.requiresGrad) return true;
  return false;
}

function checkWritable(op: string, target: Tensor): void {
  const owner = target.base ?? target;
  if (state.gradEnabled && owner.isLeaf && owner.requiresGrad) {
    const what = owner === target ? "a leaf that requires grad" : "a view of a leaf that requires grad";
    fail(`${op}_`, `${what} is changed in place`, "Wrap the change in noGrad(() => …)");
  }
  if (target.numel() > 0 && target.shape.some((size, dim) => size > 1 && target.strides[dim] === 0)) {
    fail(`${op}_`, "several elements of an expanded tensor share one place", "Call .clone() before writing");
  }
}

function checkFits(op: string, { shape, dtype }: TensorMeta, target: Tensor): void {
  if (!sameShape(shape, target.shape)) {
    fail(`${op}_`, `the result has shape ${showShape(shape)}, the target ${showShape(target.shape)}`);
  }
  const kinds = ["bool", "int", "float"];
  if (kinds.indexOf(dtypes[dtype].kind) > kinds.indexOf(dtypes[target.dtype].kind)) {
    fail(`${op}_`, `the result is ${dtype} and cannot be kept in ${target.dtype}`, `Use ${op} for a new tensor`);
  }
}

/** A result of another dtype is made first, then cast into the target. */
function throughCopy<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly Operand[],
  target: Tensor,
  attrs: Attrs<K>,
): Tensor {
  const result = apply("cast", [apply(op, inputs, attrs)], { dtype: target.dtype });
  return applyInPlace("copy", [result], target);
}

/** Inputs that overlap the target without being the same view are copied first. */
function apart(input: KernelInput, target: Tensor): KernelInput {
  if (typeof input === "number" || input.storage !== target.storage) return input;
  const identical =
    input.offset === target.offset && sameShape(input.shape, target.shape) && sameShape(input.strides, target.strides);
  if (identical) return input;
  const copy = { shape: input.shape, dtype: input.dtype };
  const call = { op: "copy", inputs: [input], attrs: none, outputs: [copy] } as const;
  const [storage] = target.storage.backend.run(call);
  return wrap(storage!, copy);
}
