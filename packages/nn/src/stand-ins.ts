/** Tensors that stand in a module's fields for its own, while `functionalCall` calls it. */
import type { Tensor } from "@dl/tensor";
import { stateName } from "./naming.ts";

/** The method by which a container puts an item in another's place as it is. */
export const PUT: unique symbol = Symbol("put");

interface Holder {
  [PUT](name: string, value: Tensor): boolean;
}

const standing = new WeakMap<object, Map<string, unknown>>();

/** Whether that is no parameter, but in the place of one for a while. */
export function standsIn(module: object, name: string, value: unknown): boolean {
  return value !== undefined && standing.get(module)?.get(name) === value;
}

/** Puts a tensor where the module has a parameter or a buffer of the name that state dicts use; the result puts the old one back. */
export function standIn(module: object, name: string, own: Tensor, value: Tensor): () => void {
  const names = standing.get(module) ?? new Map<string, unknown>();
  standing.set(module, names);
  const [before, kept] = [names.get(name), value.kept];
  names.set(name, value);
  put(module, name, value);
  return () => {
    put(module, name, own);
    names.set(name, before);
    // As a buffer it was to outlive scopes.
    value.kept = kept;
  };
}

function put(module: object, name: string, value: Tensor): void {
  if ((module as Partial<Holder>)[PUT]?.(name, value)) return;
  const field = Object.keys(module).find((key) => stateName(key) === name)!;
  (module as Record<string, unknown>)[field] = value;
}
