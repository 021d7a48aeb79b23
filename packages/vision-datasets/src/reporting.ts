import type { DownloadReporter } from "./files.ts";

/** The same reporter, whose own errors go to `end`: they are no fault of a mirror. */
export function guarded(reporter: DownloadReporter, end: (error: unknown) => void): DownloadReporter {
  const tell = (body: () => void): void => {
    try {
      body();
    } catch (error) {
      end(error);
    }
  };
  return {
    wait: (path, seconds) => tell(() => reporter.wait?.(path, seconds)),
    ask: (url) => tell(() => reporter.ask?.(url)),
    start: (file) => tell(() => reporter.start(file)),
    advance: (received) => tell(() => reporter.advance(received)),
    stop: (failure) => tell(() => reporter.stop(failure)),
  };
}
