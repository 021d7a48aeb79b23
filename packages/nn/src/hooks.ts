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
