/** State dicts: made of a module's tensors, and into them, where everything is checked before anything is written. */
import { fail, noGrad, type Shape, sameShape, scope, showShape, type Tensor, TensorError } from "@dl/tensor";
import type { Module } from "./module.ts";

/** Tensors by name, in order. */
export type StateDict = Record<string, Tensor>;

export interface LoadOptions {
  /** Whether missing and unexpected names are errors. */
  readonly strict?: boolean | undefined;
}

export interface LoadReport {
  /** In the module, not in the state dict. */
  readonly missingKeys: string[];
  /** In the state dict, not in the module. */
  readonly unexpectedKeys: string[];
}

/** Tensors of a module by name. @throws TensorError for two of one name */
export function byName(prefix: string, entries: Iterable<readonly [string, Tensor]>): StateDict {
  const state = new Map<string, Tensor>();
  for (const [name, value] of entries) {
    const key = prefix + name;
    if (state.has(key)) {
      fail("stateDict", `two tensors are named ${key}`, "Fields become snake_case there: rename one of them");
    }
    state.set(key, value.detach());
  }
  return Object.fromEntries(state);
}

/** What a layer would be whose sizes are not known yet. */
export interface Grown {
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Makes it so. */
  grow(): void;
}

/** Of layers whose sizes are not known yet: what they would be with tensors as a state gives them. */
export const UNSIZED: unique symbol = Symbol("unsized");

interface Unsized {
  [UNSIZED](tensors: StateDict): Grown | undefined;
}

export function loadInto(module: Module, state: StateDict, options: LoadOptions | boolean): LoadReport {
  const { strict = true } = typeof options === "boolean" ? { strict: options } : options;
  checkState(state);
  const grown = grownBy(module, state);
  const wanted = Object.entries(module.stateDict()).map(([name, { shape }]) => [name, shape] as const);
  const shapes: Record<string, Shape> = Object.assign(Object.fromEntries(wanted), ...grown.map(({ shapes }) => shapes));
  // States of old have no counts of batches: nobody misses them.
  const needed = Object.keys(shapes).filter((name) => !name.endsWith("num_batches_tracked"));
  const missingKeys = needed.filter((name) => !Object.hasOwn(state, name));
  const unexpectedKeys = Object.keys(state).filter((name) => !Object.hasOwn(shapes, name));
  const shared = Object.keys(shapes).filter((name) => Object.hasOwn(state, name));
  const problems = shared.flatMap((name) => mismatch(name, shapes[name]!, state[name]!));
  if (strict) problems.unshift(...listed("missing", missingKeys), ...listed("unexpected", unexpectedKeys));
  if (problems.length > 0) {
    throw new TensorError(`loadStateDict: the state does not fit ${module.getName()}:\n  ${problems.join("\n  ")}`);
  }
  for (const each of grown) each.grow();
  noGrad(() =>
    scope(() => {
      const own = module.stateDict();
      for (const name of shared) own[name]!.copy_(state[name]!);
    }),
  );
  return { missingKeys, unexpectedKeys };
}

function checkState(state: unknown): void {
  if (state instanceof Promise) fail("loadStateDict", "got a promise", "Await it: await load(path)");
  if (typeof state === "object" && state !== null) return;
  fail("loadStateDict", `needs tensors by name, got ${typeof state === "function" ? "a module" : state}`);
}

/** What becomes of the layers inside whose sizes the state tells, with the whole names of their tensors. */
function grownBy(module: Module, state: StateDict): Grown[] {
  return [...module.namedModules()].flatMap(([path, layer]) => {
    const prefix = path === "" ? "" : `${path}.`;
    const inside = Object.entries(state).filter(([name]) => name.startsWith(prefix));
    const named = (entries: [string, Shape][]) => entries.map(([name, shape]) => [prefix + name, shape] as const);
    const grown = (layer as Partial<Unsized>)[UNSIZED]?.(
      Object.fromEntries(inside.map(([name, tensor]) => [name.slice(prefix.length), tensor])),
    );
    return grown ? [{ ...grown, shapes: Object.fromEntries(named(Object.entries(grown.shapes))) }] : [];
  });
}

function listed(kind: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${kind}: ${names.join(", ")}`];
}

function mismatch(name: string, own: Shape, given: Tensor): string[] {
  if (typeof given?.shape !== "object") fail("loadStateDict", `${name} is no tensor`);
  if (sameShape(own, given.shape)) return [];
  return [`${name} has shape ${showShape(own)}, the state gives ${showShape(given.shape)}`];
}
