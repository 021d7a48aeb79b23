/** A loop whose every `await` is answered at once keeps the host for itself: pages freeze, signals and timers wait. */
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

/** Milliseconds that a loop may go on alone. */
const SLICE = 50;

export class Turns {
  #last: number = host.performance.now();

  /** A turn of the host's, if one is due. */
  due(): Promise<void> | undefined {
    return host.performance.now() - this.#last < SLICE ? undefined : this.#give();
  }

  async #give(): Promise<void> {
    await new Promise<void>(nextTurn);
    this.#last = host.performance.now();
  }
}

/** Browsers make timers wait for milliseconds; messages come at once. */
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
