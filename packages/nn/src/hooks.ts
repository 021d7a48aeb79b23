/** Sees a call before `forward` runs, and may replace its arguments: by a list, or by the only one. */
export type ForwardPreHook<M> = (module: M, input: readonly unknown[]) => unknown;
/** Sees a call after `forward` ran, and may replace its result. */
export type ForwardHook<M> = (module: M, input: readonly unknown[], output: unknown) => unknown;

/** What taking a hook away again looks like. */
export interface Removable {
  remove(): void;
}

/** Functions in the order they were added. */
export class Hooks<F> {
  readonly #list = new Set<{ readonly hook: F }>();

  add(hook: F): Removable {
    const entry = { hook };
    this.#list.add(entry);
    return { remove: () => void this.#list.delete(entry) };
  }

  get size(): number {
    return this.#list.size;
  }

  *[Symbol.iterator](): Iterator<F> {
    for (const { hook } of this.#list) yield hook;
  }
}
