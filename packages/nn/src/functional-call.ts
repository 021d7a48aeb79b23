import { fail, isTensor, type Tensor } from "@dl/tensor";
import type { StateDict } from "./load.ts";
import type { Module } from "./module.ts";
import { standIn } from "./stand-ins.ts";
import { find, nested } from "./tree.ts";

export interface FunctionalCallOptions {
  /** Whether a tensor that the module has in several places is replaced in all, when one of their names is given. */
  readonly tieWeights?: boolean | undefined;
  /** Whether all parameters and buffers must be given. */
  readonly strict?: boolean | undefined;
}

/** One list of arguments, or the only argument. */
type Arguments<M extends Module> = Parameters<M["forward"]> | Parameters<M["forward"]>[0];

/** Where a module has a tensor. */
interface Place {
  readonly owner: Module;
  /** Its name there, as in state dicts. */
  readonly own: string;
  readonly tensor: Tensor;
}

/**
 * Calls a module with other parameters and buffers than its own: `tensors` by the names of `namedParameters()` and
 * `namedBuffers()`, in one object or in several. Those left out are the module's own. The result can be differentiated by what
 * was given, as by a model's weights that another model has computed. When the call ends, by an error too, the module has its own
 * tensors again; what in-place work did to buffers, such as running means, was done to those that were given.
 *
 * `args` is the argument, or the list of all. What the module has in several places is replaced in all of them, unless
 * `tieWeights` is false.
 * @throws TensorError for names that there are not, for two values of one tensor, with `strict` for tensors left out, and for
 *   a `forward` that returns a promise
 * @see https://pytorch.org/docs/stable/generated/torch.func.functional_call.html
 * @example
 * const weights = Object.fromEntries(model.namedParameters().map(([name, x]) => [name, x.mul(2)]));
 * const y = functionalCall(model, weights, rand(3, 4)); // [3, 2], and the model's weights are what they were
 */
export function functionalCall<M extends Module>(
  module: M,
  tensors: StateDict | readonly StateDict[],
  args: Arguments<M> = [] as never,
  options: FunctionalCallOptions = {},
): ReturnType<M["forward"]> {
  const { tieWeights = true, strict = false } = options;
  const places = [...placesIn(module)];
  const values = valuesOf(places, tensors, tieWeights);
  if (strict) checkAll(places, values, tieWeights);
  const undo: (() => void)[] = [];
  try {
    for (const [{ owner, own, tensor }, value] of values) undo.push(standIn(owner, own, tensor, value));
    return refuseLater(module(...((Array.isArray(args) ? args : [args]) as never)));
  } finally {
    for (const restore of undo.reverse()) restore();
  }
}

/** @throws TensorError for a promise, whose computation goes on when the module has its own tensors again */
function refuseLater<T>(result: T): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") return result;
  return fail("functionalCall", "forward returned a promise", "Wait for what it needs before the call");
}

/** All places by name. A module inside that has several names has its places several times. */
function* placesIn(module: Module): Iterable<readonly [string, Place]> {
  for (const [path, owner] of nested<Module>(module, "")) {
    for (const [own, tensor] of [...owner.ownParameters(), ...owner.ownBuffers()]) {
      yield [path ? `${path}.${own}` : own, { owner, own, tensor }];
    }
  }
}

type Places = readonly (readonly [string, Place])[];

/** Whether one value does for both. */
function isOne(a: Place, b: Place, tieWeights: boolean): boolean {
  return tieWeights ? a.tensor === b.tensor : a.owner === b.owner && a.own === b.own;
}

/** What comes where. */
function valuesOf(places: Places, tensors: StateDict | readonly StateDict[], tieWeights: boolean): Map<Place, Tensor> {
  const values = new Map<Place, Tensor>();
  const names = new Map<Place, string>();
  for (const [name, value] of (Array.isArray(tensors) ? tensors : [tensors]).flatMap(Object.entries)) {
    if (!isTensor(value)) fail("functionalCall", `${name} is no tensor`);
    const wanted = find("functionalCall", name, places);
    for (const [, place] of places.filter(([, place]) => isOne(place, wanted, tieWeights))) {
      if ((values.get(place) ?? value) !== value) {
        const problem = `${names.get(place)} and ${name} are one tensor of the module, and got two`;
        fail("functionalCall", problem, "Give one of them, or both the same, or set tieWeights to false");
      }
      values.set(place, value);
      names.set(place, name);
    }
  }
  return values;
}

function checkAll(places: Places, values: ReadonlyMap<Place, Tensor>, tieWeights: boolean): void {
  const given = [...values.keys()];
  const missing = places.filter(([, place]) => !given.some((other) => isOne(place, other, tieWeights)));
  if (missing.length === 0) return;
  fail("functionalCall", `missing: ${missing.map(([name]) => name).join(", ")}`, "Give them, or leave strict out");
}
