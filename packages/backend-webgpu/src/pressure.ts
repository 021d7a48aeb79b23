/**
 * The collector does not see device memory: a few small objects may hold gigabytes. So when the bytes in use have doubled
 * since it last ran, it is asked to run, where the host allows that, and given a turn to tell of what it found.
 */
interface Host {
  gc?: () => void;
  process?: { getBuiltinModule?: (name: string) => unknown };
  setTimeout: (task: () => void, milliseconds: number) => unknown;
}

const host = globalThis as unknown as Host;
/** Less than this is not worth a collection. */
const floor = 64 * 2 ** 20;

export class Pressure {
  #baseline = floor;
  #running: Promise<void> | null = null;

  /** `undefined` while there is no pressure. */
  relieve(used: () => number): Promise<void> | undefined {
    if (used() < 2 * this.#baseline) return undefined;
    this.#running ??= this.#collect(used);
    return this.#running;
  }

  async #collect(used: () => number): Promise<void> {
    collector()?.();
    for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => void host.setTimeout(resolve, 0));
    this.#baseline = Math.max(used(), floor);
    this.#running = null;
  }
}

/** The host's `gc`; Node has one that a flag uncovers at run time. */
function collector(): (() => void) | undefined {
  if (host.gc) return host.gc;
  const load = host.process?.getBuiltinModule;
  const v8 = load?.("node:v8") as { setFlagsFromString(flags: string): void } | undefined;
  const vm = load?.("node:vm") as { runInNewContext(code: string): () => void } | undefined;
  if (!v8 || !vm) return undefined;
  v8.setFlagsFromString("--expose-gc");
  host.gc = vm.runInNewContext("gc");
  return host.gc;
}
