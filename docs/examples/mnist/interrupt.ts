/** While it is open, the first Ctrl-C asks to stop after the current step; a second one ends the process. */
export class Interrupt {
  readonly #signals = ["SIGINT", "SIGTERM"] as const;
  readonly #listener = (): void => {
    this.#asked = true;
    this.close();
  };
  #asked = false;

  constructor() {
    for (const signal of this.#signals) process.on(signal, this.#listener);
  }

  get asked(): boolean {
    return this.#asked;
  }

  close(): void {
    for (const signal of this.#signals) process.off(signal, this.#listener);
  }
}
