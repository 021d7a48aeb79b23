import { SingleBar } from "cli-progress";

/** One epoch's bar: loss and accuracy so far, images a second, time left. Without a terminal, one line at its end. */
export class EpochBar {
  readonly #label: string;
  readonly #total: number;
  readonly #bar: SingleBar | undefined;
  readonly #since = performance.now();
  #seen = 0;
  #loss = 0;
  #correct = 0;

  constructor(epoch: number, epochs: number, total: number) {
    this.#label = `epoch ${epoch}/${epochs}`;
    this.#total = total;
    if (!process.stdout.isTTY) return;
    this.#bar = new SingleBar({ format: () => this.#line(), stream: process.stdout, fps: 10, hideCursor: true });
    this.#bar.start(total, 0);
  }

  advance(images: number, loss: number, correct: number): void {
    this.#seen += images;
    this.#loss += loss * images;
    this.#correct += correct;
    this.#bar?.update(this.#seen);
  }

  stop(): void {
    if (this.#bar) this.#bar.stop();
    else console.log(this.#line());
  }

  #line(): string {
    const fraction = this.#seen / this.#total;
    const filled = Math.round(fraction * 20);
    const bar = "█".repeat(filled) + "░".repeat(20 - filled);
    const seconds = (performance.now() - this.#since) / 1000;
    const left = this.#seen > 0 ? clock((seconds / this.#seen) * (this.#total - this.#seen)) : "?";
    const mean = (sum: number): number => sum / Math.max(this.#seen, 1);
    return [
      `${this.#label} ${bar} ${String(Math.floor(fraction * 100)).padStart(3)}%`,
      `loss ${mean(this.#loss).toFixed(4)}`,
      `accuracy ${(100 * mean(this.#correct)).toFixed(1)} %`,
      `${Math.round(this.#seen / Math.max(seconds, 1e-3))} images/s`,
      `${left} left`,
    ].join("  ");
  }
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
