/** Asynchronous iteration that starts steps ahead of their use, and that ends cleanly. */
import type { AbortSignalLike } from "./signal.ts";

/**
 * Yields the values of `source` in order, with up to `ahead` further steps already started. Leaving the loop early
 * closes the source. An abort ends the iteration even while a step is pending.
 */
export async function* lookAhead<B>(
  source: Iterator<B | Promise<B>> | AsyncIterator<B>,
  ahead: number,
  signal: AbortSignalLike | undefined,
): AsyncGenerator<B, void, undefined> {
  const started: Promise<IteratorResult<B>>[] = [];
  const start = async (): Promise<IteratorResult<B>> => {
    const step = await source.next();
    return step.done ? step : { done: false, value: await step.value };
  };
  try {
    for (;;) {
      while (started.length <= ahead) {
        const step = start();
        step.catch(ignore); // it is reported when its turn comes, if it comes
        started.push(step);
      }
      const step = await abortable(started.shift()!, signal);
      if (step.done) return;
      yield step.value;
    }
  } finally {
    // A generator with a step under way closes after it, which may be never.
    if (started.length > 0 || signal?.aborted) void Promise.resolve(source.return?.()).catch(ignore);
    else await source.return?.();
  }
}

/** The promise, but rejected as soon as `signal` aborts. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function ignore(): void {}
