/** Walks over modules inside modules. */
import { fail } from "@dl/tensor";

interface Node<M> {
  ownModules(): Iterable<readonly [string, M]>;
}

/** A module and all inside it, depth first, with their names. */
export function* nested<M extends Node<M>>(module: M, prefix: string): Iterable<readonly [string, M]> {
  yield [prefix, module];
  for (const [name, child] of module.ownModules()) yield* nested(child, prefix ? `${prefix}.${name}` : name);
}

/** What modules own, under the names of their places. */
export function* gather<M extends Node<M>, T>(
  root: M,
  prefix: string,
  recurse: boolean,
  own: (module: M) => Iterable<readonly [string, T]>,
): Iterable<readonly [string, T]> {
  const modules = recurse ? nested(root, prefix) : [[prefix, root] as const];
  for (const [path, module] of modules) {
    for (const [name, value] of own(module)) yield [path ? `${path}.${name}` : name, value];
  }
}

/** The entry of that name, or an error that lists the names. */
export function find<T>(op: string, target: string, entries: readonly (readonly [string, T])[]): T {
  const found = entries.find(([name]) => name === target);
  return found ? found[1] : fail(op, `no "${target}"; there are ${entries.map(([name]) => name || '""').join(", ")}`);
}

/** The first entry of each value. */
export function unique<T>(entries: Iterable<readonly [string, T]>): [string, T][] {
  const seen = new Set<T>();
  const first: [string, T][] = [];
  for (const [name, value] of entries) {
    if (!seen.has(value)) first.push([name, value]);
    seen.add(value);
  }
  return first;
}
