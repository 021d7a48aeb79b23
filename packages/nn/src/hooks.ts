interface Computing {
  forward(...input: never[]): unknown;
}

/** Sees a call before `forward` runs, and may replace its arguments: by a list, or by the only one. */
export type ForwardPreHook<M extends Computing> = (module: M, input: Parameters<M["forward"]>) => unknown;
/** Sees a call after `forward` ran, and may replace its result. */
export type ForwardHook<M extends Computing> = (
  module: M,
  input: Parameters<M["forward"]>,
  output: ReturnType<M["forward"]>,
) => unknown;

/** The handle of a hook, which removes it again. */
export interface Removable {
  remove(): void;
}

/** A list of hooks in the order in which they were added. The same function may be added several times. */
export class Hooks<F> {
  readonly #list = new Set<{ readonly hook: F }>();

  add(hook: F): Removable {
    const entry = { hook };
    this.#list.add(entry);
    return { remove: () => void this.#list.delete(entry) };
  }

  /** Takes a hook out, as often as it was added. */
  delete(hook: F): void {
    for (const entry of this.#list) if (entry.hook === hook) this.#list.delete(entry);
  }

  /** Has the hooks of another list from now on. Handles remove a hook from the list that gave them alone. */
  replace(other: Hooks<F>): void {
    this.#list.clear();
    for (const hook of other) this.add(hook);
  }

  get size(): number {
    return this.#list.size;
  }

  *[Symbol.iterator](): Iterator<F> {
    for (const { hook } of this.#list) yield hook;
  }
}
