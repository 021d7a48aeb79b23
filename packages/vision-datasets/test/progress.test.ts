import { PassThrough } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { TerminalReporter, tqdmLine } from "../src/node/progress.ts";

describe("tqdmLine", () => {
  it.each([
    [
      { received: 9912422, total: 9912422, initial: 0, seconds: 2.4 },
      "100%|█████| 9.91M/9.91M [00:02<00:00, 4.13MB/s]",
    ],
    [{ received: 4542, total: 4542, initial: 0, seconds: 0.0003 }, "100%|█████| 4.54k/4.54k [00:00<00:00, 15.1MB/s]"],
    [{ received: 0, total: 28881, initial: 0, seconds: 0 }, "  0%|     | 0.00/28.9k [00:00<?, ?B/s]"],
    [{ received: 4956211, total: 9912422, initial: 0, seconds: 75 }, " 50%|██▌  | 4.96M/9.91M [01:15<01:15, 66.1kB/s]"],
    [{ received: 750, total: 1000, initial: 500, seconds: 5000 }, " 75%|███▊ | 750/1.00k [1:23:20<1:23:20, 0.05B/s]"],
  ])("%o", (progress, line) => {
    expect(tqdmLine(progress)).toBe(line);
  });
});

describe("TerminalReporter", () => {
  const watched = (isTTY: boolean, act: (reporter: TerminalReporter) => void): string => {
    const stream = Object.assign(new PassThrough(), {
      isTTY,
      columns: 120,
      cursorTo() {},
      clearLine() {},
      moveCursor() {},
    });
    act(new TerminalReporter(stream as never));
    return stream.read()?.toString() ?? "";
  };
  const written = (isTTY: boolean, failure?: { url: string; reason: string }): string =>
    watched(isTTY, (reporter) => {
      reporter.start({ url: "http://x/file.gz", total: 2000, received: 0 });
      reporter.advance(2000);
      reporter.stop(failure);
    });

  it.each([true, false])("shows the address and one finished bar (terminal: %s)", (isTTY) => {
    expect(written(isTTY)).toMatch(
      /^Downloading http:\/\/x\/file\.gz\n.*100%\|█████\| 2\.00k\/2\.00k \[00:00<00:00, .*B\/s\].*\n$/s,
    );
  });

  it("says that another download is waited for", () => {
    expect(watched(true, (reporter) => reporter.wait("/x/file.gz", 10))).toBe(
      "Waiting for another download of /x/file.gz (if it was killed, for 10 s) …\n",
    );
  });

  it("says why a transfer failed", () => {
    expect(written(false, { url: "http://x/file.gz", reason: "HTTP 404" })).toBe(
      "Downloading http://x/file.gz\nFailed to download http://x/file.gz: HTTP 404\n",
    );
  });

  const refuse = (reporter: TerminalReporter): void => {
    for (const reason of ["HTTP 500", "HTTP 500", "HTTP 404"]) {
      reporter.ask("http://x/file.gz");
      reporter.stop({ url: "http://x/file.gz", reason });
    }
  };

  it("tells of mirrors that gave nothing once another one delivers", () => {
    const lines = watched(false, (reporter) => {
      refuse(reporter);
      reporter.start({ url: "http://y/file.gz", total: 2000, received: 0 });
    });
    expect(lines).toBe(
      "Failed to download http://x/file.gz: HTTP 500\nFailed to download http://x/file.gz: HTTP 404\n" +
        "Downloading http://y/file.gz\n",
    );
  });

  it("leaves it to the error when none does", () => {
    expect(watched(false, refuse)).toBe("");
  });

  it("explains a long silence, and no short one", () => {
    vi.useFakeTimers();
    const said = (ms: number): string =>
      watched(false, (reporter) => {
        reporter.ask("http://x/file.gz");
        vi.advanceTimersByTime(ms);
        reporter.stop({ url: "http://x/file.gz", reason: "HTTP 404" });
        vi.advanceTimersByTime(60_000);
      });
    try {
      expect([said(1000), said(3000)]).toEqual(["", "Waiting for x …\n"]);
    } finally {
      vi.useRealTimers();
    }
  });
});
