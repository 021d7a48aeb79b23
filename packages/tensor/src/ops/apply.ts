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
/** A Map, since looking up a name in an object with so many keys costs more than a small kernel. */
const elementwise: ReadonlyMap<string, { readonly dtype: DTypeRule }> = new Map(
  Object.entries({ ...unaryOps, ...binaryOps, where: { dtype: "same" } }),
);

interface Plan {
  /** The inputs that are recorded: cast, but not expanded. */
  readonly inputs: readonly Operand[];
  /** The inputs that the kernel gets: expanded to the shape of the output where the op broadcasts. */
  readonly views: readonly KernelInput[];
  readonly outputs: readonly TensorMeta[];
  /**
   * The order of dimensions in which the kernel walks through memory; `undefined` if they are in that order already.
   */
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

/** The call with the dimensions of inputs and outputs in the order in which the kernel walks them. */
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

/** Disposes the tensors that were made to replace given inputs. */
function disposeMade(made: readonly KernelInput[], given: readonly KernelInput[]): void {
  if (made === given) return;
  for (let i = 0; i < made.length; i++) if (made[i] !== given[i]) (made[i] as Tensor).dispose();
}

/** Makes another view of `input`'s memory, and records it. */
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

/**
 * Coerces the inputs and infers the outputs of a call. For in-place calls the memory order follows that of `target`.
 */
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

/** The most common case, in which nothing has to be checked or coerced: all tensors share device, dtype and shape. */
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

/** Casts the operands from index `first` on to `dtype`. Returns the same list if there is nothing to cast. */
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
  // `full` may write to a shared place several times, since it writes the same value everywhere.
  if (op !== "full" && target.numel() > 0 && target.shape.some((size, dim) => size > 1 && target.strides[dim] === 0)) {
    fail(`${op}_`, "several elements of an expanded tensor share one place", "Call .clone() before writing");
  }
}

/** Throws if autograd could not record an in-place write into `target`, such as one into a leaf that requires grad. */
export function checkHistory(op: string, target: Tensor): void {
  const owner = target.base ?? target;
  if (!state.gradEnabled) return;
  const { requiresGrad } = target;
  // A target that requires grad although its base does not was cut from a leaf that is itself a view.
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

/** Throws if a result with this shape and dtype cannot be written into `target`. */
export function checkFits(op: string, { shape, dtype }: TensorMeta, target: Tensor): void {
  if (!sameShape(shape, target.shape)) {
    fail(`${op}_`, `the result has shape ${showShape(shape)}, the target ${showShape(target.shape)}`);
  }
  const kinds = ["bool", "int", "float"];
  if (kinds.indexOf(dtypes[dtype].kind) > kinds.indexOf(dtypes[target.dtype].kind)) {
    fail(`${op}_`, `the result is ${dtype} and cannot be kept in ${target.dtype}`, `Use ${op} for a new tensor`);
  }
}

/** For a result of another dtype: computes it first, then casts it into the target. */
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

/** Copies an input that overlaps with the target, unless both are the same view. */
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
