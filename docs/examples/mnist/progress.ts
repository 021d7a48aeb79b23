import { SingleBar } from "cli-progress";

/** One epoch's bar: loss and accuracy so far, images a second, time left. Without a terminal, one line at its end. */
export class EpochBar implements Disposable {
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
    if (!process.stdout.isTTY || process.env["TERM"] === "dumb") return;
    // With wrapping and cursor left alone, the terminal stays usable even after a kill.
    const look = { fps: 10, linewrap: true, gracefulExit: false };
    this.#bar = new SingleBar({ format: () => this.#line(), stream: process.stdout, ...look });
    this.#bar.start(total, 0);
  }

  advance(images: number, loss: number, correct: number): void {
    this.#seen += images;
    this.#loss += loss * images;
    this.#correct += correct;
    this.#bar?.update(this.#seen);
  }

  /** Leaves the last state behind. */
  [Symbol.dispose](): void {
    if (this.#bar) this.#bar.stop();
    else if (this.#seen > 0) console.log(this.#line());
  }

  #line(): string {
    const fraction = this.#seen / this.#total;
    const seconds = (performance.now() - this.#since) / 1000;
    const mean = (sum: number): number => sum / Math.max(this.#seen, 1);
    const figures = [
      `${Math.floor(fraction * 100)}%`.padStart(4),
      `loss ${show(mean(this.#loss))}`,
      `accuracy ${(100 * mean(this.#correct)).toFixed(1)} %`,
      `${Math.round(this.#seen / Math.max(seconds, 1e-3))} images/s`,
      this.#time(seconds),
    ].join("  ");
    // A line that is too long for the terminal would lose the figures, so the bar gives way.
    const columns = process.stdout.columns ?? 120;
    const room = columns - this.#label.length - figures.length - 3;
    return [this.#label, ...bar(fraction, Math.min(room, 20)), figures].join(" ").slice(0, columns - 1);
  }

  #time(seconds: number): string {
    if (this.#seen === this.#total) return `took ${clock(seconds)}`;
    return this.#seen === 0 ? "? left" : `${clock((seconds / this.#seen) * (this.#total - this.#seen))} left`;
  }
}

/** Nothing where there is no room for one. */
function bar(fraction: number, width: number): string[] {
  if (width < 5) return [];
  const filled = Math.round(fraction * width);
  return ["█".repeat(filled) + "░".repeat(width - filled)];
}

/** A loss of a sane run has one digit before the point; of another one, up to forty. */
function show(loss: number): string {
  return loss < 1000 ? loss.toFixed(4) : loss.toExponential(2);
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
