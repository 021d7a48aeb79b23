/** One progress bar per file in tqdm's look; where nobody watches, only its last line. */
import { SingleBar } from "cli-progress";
import type { DownloadReporter } from "../files.ts";

const width = 5;
/** A silence longer than this is explained. */
const patienceMs = 2000;
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

export interface Progress {
  readonly received: number;
  readonly total: number;
  /** What was there when the clock started. */
  readonly initial: number;
  readonly seconds: number;
}

/** `100%|█████| 9.91M/9.91M [00:02<00:00, 4.13MB/s]` */
export function tqdmLine({ received, total, initial, seconds }: Progress): string {
  const fraction = total > 0 ? received / total : 1;
  const percent = String(Math.floor(fraction * 100)).padStart(3);
  const rate = seconds > 0 ? (received - initial) / seconds : 0;
  const left = received >= total ? "00:00" : rate > 0 ? clock((total - received) / rate) : "?";
  const speed = rate > 0 ? showSize(rate) : "?";
  return `${percent}%|${bar(fraction)}| ${showSize(received)}/${showSize(total)} [${clock(seconds)}<${left}, ${speed}B/s]`;
}

function bar(fraction: number): string {
  const filled = Math.floor(fraction * width * 8);
  return ("█".repeat(filled >> 3) + eighths[filled & 7]).padEnd(width);
}

/** Three significant digits with an SI prefix. */
function showSize(value: number): string {
  let scaled = value;
  for (const prefix of ["", "k", "M"]) {
    if (scaled < 999.5) return scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0) + prefix;
    scaled /= 1000;
  }
  return `${scaled.toFixed(2)}G`;
}

function clock(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const hours = seconds >= 3600 ? `${Math.floor(seconds / 3600)}:` : "";
  return `${hours}${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/**
 * Draws on a terminal, writes lines elsewhere. That a mirror gave nothing is told when another one delivers: when none
 * does, the error tells it.
 */
export class TerminalReporter implements DownloadReporter {
  readonly #stream: NodeJS.WriteStream;
  readonly #passed = new Set<string>();
  #current = { received: 0, total: 0, initial: 0, since: 0 };
  #begun = false;
  #live: SingleBar | undefined;
  #waiting: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  wait(path: string, seconds: number): void {
    this.#stream.write(`Waiting for another download of ${path} (if it was killed, for ${seconds} s) …\n`);
  }

  ask(url: string): void {
    this.#waiting = setTimeout(() => this.#stream.write(`Waiting for ${new URL(url).host} …\n`), patienceMs);
  }

  start({ url, total, received }: Parameters<DownloadReporter["start"]>[0]): void {
    clearTimeout(this.#waiting);
    this.#stream.write([...this.#passed, `Downloading ${url}\n`].join(""));
    this.#passed.clear();
    this.#begun = true;
    this.#current = { received, total, initial: received, since: Date.now() };
    if (!this.#stream.isTTY || process.env["TERM"] === "dumb") return;
    // With wrapping left alone, the terminal stays usable even after a kill.
    const look = { fps: 10, linewrap: true, gracefulExit: false };
    const format = (): string => this.#line().slice(0, this.#stream.columns - 1);
    this.#live = new SingleBar({ format, stream: this.#stream, ...look });
    this.#live.start(total, received);
  }

  advance(received: number): void {
    this.#current.received = received;
    this.#live?.update(received);
  }

  stop(failure?: { readonly url: string; readonly reason: string }): void {
    clearTimeout(this.#waiting);
    if (this.#live) this.#live.stop();
    else if (this.#begun && !failure) this.#stream.write(`${this.#line()}\n`);
    this.#live = undefined;
    if (failure) this.#tell(`Failed to download ${failure.url}: ${failure.reason}\n`);
    this.#begun = false;
  }

  #tell(story: string): void {
    if (this.#begun) this.#stream.write(story);
    else this.#passed.add(story);
  }

  #line(): string {
    return tqdmLine({ ...this.#current, seconds: (Date.now() - this.#current.since) / 1000 });
  }
}

export const silentReporter: DownloadReporter = { start() {}, advance() {}, stop() {} };
