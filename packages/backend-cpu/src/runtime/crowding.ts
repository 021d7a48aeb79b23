/**
 * Whether others want the cores that our threads run on, told from how often the system takes one away. That counts what
 * harms us, whoever the others are: other processes, the program's own threads, or more threads than there are cores. Hosts
 * that do not count it (browsers, Windows) are never crowded. On quiet cores the engine's own helpers take one 20 to 200
 * times a second of computing; beside a process that keeps one of two busy it is 300 to 2 000 times.
 */

/** The fields of Node's `process.resourceUsage()` that tell it; times in microseconds. */
export interface Usage {
  readonly userCPUTime: number;
  readonly systemCPUTime: number;
  readonly involuntaryContextSwitches: number;
}

/** What a reading costs, 3 µs, should not be felt, and few switches should not be counted by chance. */
const WINDOW_MS = 100;
/** Even a look at the clock is much for a short task: only every so many tasks do. */
const TASKS = 16;
/** Computing time between two switches below which it is crowded, in microseconds. */
const UNDISTURBED = 2500;
/** Workers that rest are seldom disturbed, so after so many windows they try again without. */
const HOLD = 10;

/** Whether it was crowded between two readings. */
export function crowdedBetween(before: Usage, after: Usage): boolean {
  const computed = after.userCPUTime - before.userCPUTime + (after.systemCPUTime - before.systemCPUTime);
  return (after.involuntaryContextSwitches - before.involuntaryContextSwitches) * UNDISTURBED > computed;
}

/** What to ask once a task: whether it was crowded in the last windows. */
export function watchCrowding(read: (() => Usage) | undefined, clock = (): number => performance.now()): () => boolean {
  if (read === undefined) return () => false;
  let [asked, next, held] = [0, 0, 0];
  let last: Usage | undefined;
  const look = (now: number): void => {
    const usage = read();
    held = last !== undefined && crowdedBetween(last, usage) ? HOLD : held - 1;
    [last, next] = [usage, now + WINDOW_MS];
  };
  return () => {
    if (asked++ % TASKS === 0) {
      const now = clock();
      if (now >= next) look(now);
    }
    return held > 0;
  };
}
