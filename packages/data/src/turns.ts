/**
 * Lets the host run other tasks now and then. A loop whose every `await` resolves at once would run in microtasks only,
 * so that pages freeze and timers and signals have to wait.
 */
interface Port {
  onmessage: (() => void) | null;
  postMessage(message: null): void;
  close(): void;
}
interface Host {
  readonly performance: { now(): number };
  readonly setImmediate?: (task: () => void) => unknown;
  readonly MessageChannel: new () => { readonly port1: Port; readonly port2: Port };
}

const host = globalThis as unknown as Host;

/** A loop may run for so many milliseconds before the host gets a turn. */
const SLICE = 50;

export class Turns {
  #last: number = host.performance.now();

  /** If the host's turn is due, a promise that resolves after it. */
  due(): Promise<void> | undefined {
    return host.performance.now() - this.#last < SLICE ? undefined : this.#give();
  }

  async #give(): Promise<void> {
    await new Promise<void>(nextTurn);
    this.#last = host.performance.now();
  }
}

/** Resolves in a new macrotask. Without setImmediate by a message, since browsers delay timers by milliseconds. */
function nextTurn(resolve: () => void): void {
  if (host.setImmediate) {
    host.setImmediate(resolve);
    return;
  }
  const { port1, port2 } = new host.MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(null);
}
