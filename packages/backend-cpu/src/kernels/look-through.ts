/** Kernels that see for themselves what the elements that they load still wait for. */
import { type DType, isContiguous, type KernelInput, type View } from "@dl/tensor";
import type { CpuStorage } from "../storage.ts";
import { access } from "./access.ts";
import { ALONE, CHEAP, Deferred, fuse, isSame, waits } from "./deferred.ts";
import { type Elementwise, putNumber } from "./elementwise.ts";
import { input, type Node, numberAt } from "./expression.ts";
import { collect, lanesOf } from "./lanes.ts";
import { MOST_OPERANDS } from "./plan.ts";
import { stored, zeroOf } from "./steps.ts";

/** A packed view or two of one shape and dtype, and what becomes of the elements that are loaded. */
export interface Source {
  readonly view: View;
  readonly beside: View | undefined;
  readonly name: string;
  readonly element: (...xs: readonly Node[]) => Node;
}

/**
 * What the elements of `x` are computed from while they wait, if that is one packed view or two and costs less than to write
 * them: for kernels that load elements into as many lanes, and read each only once.
 */
export function lookThrough(x: View): Source | undefined {
  const { pending, isShared } = x.storage as CpuStorage;
  const most = isShared ? CHEAP : ALONE;
  if (!(pending instanceof Deferred && pending.work <= most && pending.suits(x))) return undefined;
  const found = pending.inputs.some(waits) ? fuse(pending.kernel, pending.inputs, true) : pending;
  if (!found) return undefined;
  const { kernel } = found;
  const inputs: readonly KernelInput[] = found.inputs;
  const [view, beside, ...rest] = viewsOf(inputs);
  if (!view || rest.length > 0 || !inputs.every((y, i) => mayBeLoaded(y, kernel.inputs[i]!, view))) return undefined;
  if (pending.work > CHEAP && view.dtype !== x.dtype) return undefined;
  // How masks are counted makes no difference.
  const { lanes } = kernel.what;
  const suits = x.dtype === "bool" ? lanes !== "scalar" : lanes === lanesOf(input(0, access[x.dtype].raw));
  if (!suits || !isSameInScalars(kernel)) return undefined;
  for (const { storage } of [view, beside ?? view]) void (storage as CpuStorage).block;
  pending.repeat();
  const operands = inputs.map((y, i) =>
    isView(y) ? Number(y !== view && !isSame(y, view)) : numberNode(y, i, kernel),
  );
  const element = (...xs: readonly Node[]): Node =>
    stored(kernel, kernel.build(...operands.map((operand) => (typeof operand === "number" ? xs[operand]! : operand))));
  const names = operands.map((operand) => (typeof operand === "number" ? "xy"[operand] : operand.op));
  return { view, beside, name: `${kernel.name} ${names}`, element };
}

/** Each once. */
function viewsOf(inputs: readonly KernelInput[]): View[] {
  const views = inputs.filter(isView);
  return views.filter((x, i) => views.findIndex((y) => isSame(x, y)) === i);
}

/** Packed elements of one dtype, and numbers: 0 is part of the formula, others stand in memory. */
function mayBeLoaded(x: KernelInput, dtype: DType, { dtype: wanted }: View): boolean {
  if (isView(x)) return dtype === wanted && isContiguous(x.shape, x.strides);
  return Object.is(x, 0) || dtype === "float32" || dtype === "float64";
}

function numberNode(x: number, slot: number, { inputs }: Elementwise): Node {
  const dtype = inputs[slot]!;
  if (Object.is(x, 0)) return zeroOf(dtype);
  return numberAt(access[dtype].raw as "f32" | "f64", putNumber(MOST_OPERANDS + slot, dtype, x));
}

const isView = (x: KernelInput): x is View => typeof x !== "number";

/** Vectors may round products and sums together. */
function isSameInScalars({ what }: Elementwise): boolean {
  return [...collect([what.root])].every(({ op }) => op !== "fma" && op !== "patch");
}
