/** The one road that every operation takes: coerce, infer, launch, record. */
import type { Backend, KernelCall, KernelInput, Storage, TensorMeta, View } from "../backend.ts";
import { type DType, dtypes, isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { explainShortage } from "../exhausted.ts";
import type { Operand } from "../recorder.ts";
import { getBackend } from "../registry.ts";
import { tidy } from "../scope.ts";
import { type Shape, sameShape, stridesOf } from "../shape.ts";
import { state } from "../state.ts";
import { Tensor } from "../tensor.ts";
import { broadcastAll, checkDevices, computeDType, expandAll, firstTensor } from "./coerce.ts";
import { accumulatorOf, infer, reduceShape } from "./infer.ts";
import { type Order, orderOf, reordered, stridesIn } from "./order.ts";
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
/** A map: looking a name up in so large an object costs more than a small kernel. */
const elementwise: ReadonlyMap<string, { readonly dtype: DTypeRule }> = new Map(
  Object.entries({ ...unaryOps, ...binaryOps, where: { dtype: "same" } }),
);

interface Plan {
  /** What is recorded. */
  readonly inputs: readonly Operand[];
  /** What the kernel gets. */
  readonly views: readonly KernelInput[];
  readonly outputs: readonly TensorMeta[];
  /** In which the kernel walks through inputs and outputs, where it is not that of the dimensions. */
  readonly order: Order | undefined;
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
  const call = { op, inputs: plan.views, attrs, outputs: plan.outputs } as unknown as KernelCall;
  const storages = launch(backend, walked(call, plan.order));
  const results = new Array<Tensor>(storages.length);
  for (let i = 0; i < storages.length; i++) results[i] = wrap(storages[i]!, plan.outputs[i]!, plan.order);
  if (recording(plan.inputs)) state.recorder!.record(op, plan.inputs, attrs, results);
  disposeMade(plan.inputs, inputs);
  return results;
}

/** The call as a kernel walks it. */
function walked(call: KernelCall, order: Order | undefined): KernelCall {
  if (order === undefined) return call;
  const inputs = (call.inputs as readonly KernelInput[]).map((view) => reordered(view, order));
  const outputs = call.outputs.map(({ shape, dtype }) => ({ shape: order.map((dim) => shape[dim]!), dtype }));
  return { ...call, inputs, outputs } as KernelCall;
}

function launch(backend: Backend, call: KernelCall): readonly Storage[] {
  try {
    return backend.run(call);
  } catch (error) {
    throw explainShortage(error, call.op, call.outputs);
  }
}

/** Runs an op and writes its result into `target`, which may be one of the inputs. */
export function applyInPlace<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly Operand[],
  target: Tensor,
  attrs: Attrs<K> = none as Attrs<K>,
): Tensor {
  checkWritable(op, target);
  const plan = planCall(op, inputs, attrs, target);
  checkFits(op, plan.outputs[0]!, target);
  if (plan.outputs[0]!.dtype !== target.dtype) {
    disposeMade(plan.inputs, inputs);
    return throughCopy(op, inputs, target, attrs);
  }
  const views = plan.views.map((view) => apart(view, target));
  const recorder = recording(plan.inputs) || recording([target, target.base ?? target]) ? state.recorder : null;
  const before = recorder?.beforeInPlace(op, plan.inputs, attrs, target);
  const call = { op, inputs: views, attrs, outputs: plan.outputs } as unknown as KernelCall;
  const place = plan.order === undefined ? target : reordered(target, plan.order);
  target.storage.backend.runInto(walked(call, plan.order), place);
  target.storage.version++;
  disposeMade(views, plan.views);
  if (before) {
    const recorded = plan.inputs.map((input) => (input === target ? before : input));
    recorder!.recordInPlace(op, recorded, attrs, target, before);
    before.dispose();
  }
  disposeMade(plan.inputs, inputs);
  return target;
}

/** Frees what stands in the place of what was given. */
function disposeMade(made: readonly KernelInput[], given: readonly KernelInput[]): void {
  if (made === given) return;
  for (let i = 0; i < made.length; i++) if (made[i] !== given[i]) (made[i] as Tensor).dispose();
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

/** `target`, where there is one already, comes first where the order is decided. */
function planCall<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly Operand[],
  attrs: Attrs<K>,
  target?: Tensor,
): Plan {
  const row = elementwise.get(op);
  if (row) return planElementwise(op, row.dtype, inputs, target);
  checkDevices(op, inputs);
  const outputs =
    op in reduceOps || op in scanOps ? folded(op, inputs[0] as Tensor, attrs) : inferred(op, inputs, attrs);
  const walks = op === "cast" || (op === "copy" && (target !== undefined || (attrs as Attrs<"copy">).keepsOrder));
  const order = walks ? orderOf(inputs, target) : undefined;
  return { inputs, views: inputs, outputs, order };
}

function planElementwise(op: string, rule: DTypeRule, inputs: readonly Operand[], target?: Tensor): Plan {
  if (rule === "same" && areAlike(inputs)) {
    const { shape, dtype } = inputs[0] as Tensor;
    return { inputs, views: inputs, outputs: [{ shape, dtype }], order: orderOf(inputs, target) };
  }
  checkDevices(op, inputs);
  const first = op === "where" ? 1 : 0;
  const dtype = computeDType(op, rule, first === 0 ? inputs : inputs.slice(first));
  const shape = broadcastAll(op, inputs);
  const cast = castAll(inputs, dtype, first);
  const output = { shape, dtype: rule === "bool" || rule === "logical" ? ("bool" as const) : dtype };
  const views = expandAll(cast, shape);
  return { inputs: cast, views, outputs: [output], order: orderOf(views, target) };
}

/** The usual case, in which there is nothing to check: a tensor, with others of its device, dtype and shape. */
function areAlike(inputs: readonly Operand[]): boolean {
  const first = inputs[0] as Tensor;
  if (first?.shape === undefined) return false;
  const { backend, dtype, shape } = first;
  for (let i = 1; i < inputs.length; i++) {
    const x = inputs[i]!;
    const fits =
      typeof x === "number" ? isFloat(dtype) : x?.dtype === dtype && x.backend === backend && sameShape(x.shape, shape);
    if (!fits) return false;
  }
  return true;
}

/** The operands from the `first` on in `dtype`: the same list where they have it. */
function castAll(inputs: readonly Operand[], dtype: DType, first: number): readonly Operand[] {
  let cast: Operand[] | undefined;
  for (let i = first; i < inputs.length; i++) {
    const input = inputs[i]!;
    if (typeof input === "number" || input.dtype === dtype) continue;
    cast ??= [...inputs];
    cast[i] = apply("cast", [input], { dtype });
  }
  return cast ?? inputs;
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

function wrap(storage: View["storage"], { shape, dtype }: TensorMeta, order?: Order): Tensor {
  return new Tensor(storage, shape, order === undefined ? stridesOf(shape) : stridesIn(shape, order), 0, dtype);
}

function recording(inputs: readonly Operand[]): boolean {
  if (!state.gradEnabled || state.recorder === null) return false;
  for (const input of inputs) if (typeof input !== "number" && input.requiresGrad) return true;
  return false;
}

function checkWritable(op: string, target: Tensor): void {
  checkHistory(op, target);
  // A value that goes everywhere may go there twice.
  if (op !== "full" && target.numel() > 0 && target.shape.some((size, dim) => size > 1 && target.strides[dim] === 0)) {
    fail(`${op}_`, "several elements of an expanded tensor share one place", "Call .clone() before writing");
  }
}

/** Whether what is done in place is recorded, or needs not be. */
export function checkHistory(op: string, target: Tensor): void {
  const owner = target.base ?? target;
  if (!state.gradEnabled) return;
  const { requiresGrad } = target;
  // What is recorded though its owner is not: it was cut from a leaf that is a view itself.
  const isLeaf = (owner.requiresGrad && owner.isLeaf) || (requiresGrad && (target.isLeaf || !owner.requiresGrad));
  if (isLeaf || (owner.requiresGrad && !requiresGrad)) {
    const whose = isLeaf ? "a leaf that requires grad" : "a recorded tensor, made under noGrad,";
    fail(
      `${op}_`,
      `${owner !== target && !(requiresGrad && target.isLeaf) ? "a view of " : ""}${whose} is changed in place`,
      "Wrap the change in noGrad(() => …)",
    );
  }
}

/** Whether a result may be written into `target`. */
export function checkFits(op: string, { shape, dtype }: TensorMeta, target: Tensor): void {
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
  return tidy(() => {
    const result = apply("cast", [apply(op, inputs, attrs)], { dtype: target.dtype });
    return applyInPlace("copy", [result], target);
  });
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
