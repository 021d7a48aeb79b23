/**
 * Lets kernels that are not element-wise, such as reductions and softmax, read through a deferred input: they compute
 * its elements from what those are made of as they load them, so the input is never written to memory.
 */
import { type DType, isContiguous, type KernelInput, type View } from "@dl/tensor";
import type { CpuStorage } from "../storage.ts";
import { access } from "./access.ts";
import { CHEAP, CHEAP_UNSHARED, Deferred, fuse, isPending, isSame } from "./deferred.ts";
import { type Elementwise, putNumber } from "./elementwise.ts";
import { input, type Node, numberAt } from "./expression.ts";
import { collect, lanesOf } from "./lanes.ts";
import { MOST_OPERANDS } from "./plan.ts";
import { stored, zeroOf } from "./steps.ts";

/** What a kernel reads in place of a deferred input: one or two packed views of the same shape and dtype. */
export interface Source {
  readonly view: View;
  /** The second view, where the formula has two operands. */
  readonly beside: View | undefined;
  /** Identifies the formula, for the cache of compiled kernels. */
  readonly name: string;
  /** The tree of the deferred element, from the elements of both views. */
  readonly element: (...xs: readonly Node[]) => Node;
}

/**
 * The source of `x`, if `x` is deferred, its operands are one or two packed views, and computing its elements on the
 * fly is cheaper than writing them. For kernels that read each element once and use as many lanes as the formula does.
 */
export function lookThrough(x: View): Source | undefined {
  const { pending, isShared } = x.storage as CpuStorage;
  const most = isShared ? CHEAP : CHEAP_UNSHARED;
  if (!(pending instanceof Deferred && pending.work <= most && pending.canFuse(x))) return undefined;
  const found = pending.inputs.some(isPending) ? fuse(pending.kernel, pending.inputs, true) : pending;
  if (!found) return undefined;
  const { kernel } = found;
  const inputs: readonly KernelInput[] = found.inputs;
  const [view, beside, ...rest] = viewsOf(inputs);
  if (!view || rest.length > 0 || !inputs.every((y, i) => mayBeLoaded(y, kernel.inputs[i]!, view))) return undefined;
  if (pending.work > CHEAP && view.dtype !== x.dtype) return undefined;
  // A kernel may count truth values in vectors of any number of lanes.
  const { lanes } = kernel.formula;
  const hasSameLanes = x.dtype === "bool" ? lanes !== "scalar" : lanes === lanesOf(input(0, access[x.dtype].raw));
  if (!hasSameLanes || !isSameInScalars(kernel)) return undefined;
  for (const { storage } of [view, beside ?? view]) void (storage as CpuStorage).block;
  pending.noteRepeat();
  const operands = inputs.map((y, i) =>
    isView(y) ? Number(y !== view && !isSame(y, view)) : numberNode(y, i, kernel),
  );
  const element = (...xs: readonly Node[]): Node =>
    stored(kernel, kernel.build(...operands.map((operand) => (typeof operand === "number" ? xs[operand]! : operand))));
  const names = operands.map((operand) => (typeof operand === "number" ? "xy"[operand] : operand.op));
  return { view, beside, name: `${kernel.name} ${names}`, element };
}

/** The distinct views among the inputs. */
function viewsOf(inputs: readonly KernelInput[]): View[] {
  const views = inputs.filter(isView);
  return views.filter((x, i) => views.findIndex((y) => isSame(x, y)) === i);
}

/** Whether an input is a packed view of the wanted dtype, or a number that {@link numberNode} can express. */
function mayBeLoaded(x: KernelInput, dtype: DType, { dtype: wanted }: View): boolean {
  if (isView(x)) return dtype === wanted && isContiguous(x.shape, x.strides);
  return Object.is(x, 0) || dtype === "float32" || dtype === "float64";
}

/**
 * A number as a tree: 0 becomes a constant of the formula; others are read from memory, so that one kernel serves all.
 */
function numberNode(x: number, slot: number, { inputs }: Elementwise): Node {
  const dtype = inputs[slot]!;
  if (Object.is(x, 0)) return zeroOf(dtype);
  return numberAt(access[dtype].raw as "f32" | "f64", putNumber(MOST_OPERANDS + slot, dtype, x));
}

const isView = (x: KernelInput): x is View => typeof x !== "number";

/** Whether scalar code gives the same bits as vector code: `fma` rounds differently, and `patch` takes another way. */
function isSameInScalars({ formula }: Elementwise): boolean {
  return [...collect([formula.root])].every(({ op }) => op !== "fma" && op !== "patch");
}
