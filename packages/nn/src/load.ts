/** State dicts: made of a module's tensors, and into them, where everything is checked before anything is written. */
import { fail, noGrad, sameShape, scope, showShape, type Tensor, TensorError } from "@dl/tensor";

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

export function loadInto(module: string, own: StateDict, state: StateDict, options: LoadOptions | boolean): LoadReport {
  const { strict = true } = typeof options === "boolean" ? { strict: options } : options;
  // States of old have no counts of batches: nobody misses them.
  const needed = Object.keys(own).filter((name) => !name.endsWith("num_batches_tracked"));
  const missingKeys = needed.filter((name) => !Object.hasOwn(state, name));
  const unexpectedKeys = Object.keys(state).filter((name) => !Object.hasOwn(own, name));
  const shared = Object.keys(own).filter((name) => Object.hasOwn(state, name));
  const problems = shared.flatMap((name) => mismatch(name, own[name]!, state[name]!));
  if (strict) problems.unshift(...listed("missing", missingKeys), ...listed("unexpected", unexpectedKeys));
  if (problems.length > 0)
    throw new TensorError(`loadStateDict: the state does not fit ${module}:\n  ${problems.join("\n  ")}`);
  noGrad(() =>
    scope(() => {
      for (const name of shared) own[name]!.copy_(state[name]!);
    }),
  );
  return { missingKeys, unexpectedKeys };
}

function listed(kind: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${kind}: ${names.join(", ")}`];
}

function mismatch(name: string, own: Tensor, given: Tensor): string[] {
  if (typeof given?.shape !== "object") fail("loadStateDict", `${name} is no tensor`);
  if (sameShape(own.shape, given.shape)) return [];
  return [`${name} has shape ${showShape(own.shape)}, the state gives ${showShape(given.shape)}`];
}
