import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";

/** What `run` gives on one thread, and on three once they are awake. It must hold the memory that it uses. */
export async function onOneAndThree<T>(run: () => T): Promise<readonly [alone: T, together: T]> {
  const before = getNumThreads();
  const on = (count: number): T => {
    setNumThreads(count);
    return run();
  };
  try {
    const alone = on(1);
    on(3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return [alone, on(3)];
  } finally {
    setNumThreads(before);
  }
}
