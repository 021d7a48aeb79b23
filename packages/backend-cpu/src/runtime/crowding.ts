/**
 * Whether others want the cores that our threads run on, told from how often the system takes one away, and from how little
 * is left. That counts what harms us, whoever the others are: other processes, the program's own threads, or more threads than
 * there are cores. Hosts that do not count it (browsers, Windows) are never crowded. On quiet cores the engine's own helpers take
 * one 20 to 350 times a second of computing, and two threads compute for 1.9 seconds a second; beside a process that keeps one of
 * two busy it is 300 to 2 000 times, and 1.1 seconds.
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
/** Computing time between two switches below which it may be crowded, in microseconds. */
const UNDISTURBED = 2500;
/** Threads that look for work compute, too: undisturbed, they get nearly all of their cores. */
const SHARE = 0.75;
/** Windows until it is judged again: workers that rest are seldom disturbed, and get less of a core, crowded or not. */
const HOLD = 10;

/** Whether it was crowded between two readings, `milliseconds` apart, for so many threads. */
export function crowdedBetween(before: Usage, after: Usage, milliseconds: number, threads: number): boolean {
  const computed = after.userCPUTime - before.userCPUTime + (after.systemCPUTime - before.systemCPUTime);
  const switches = after.involuntaryContextSwitches - before.involuntaryContextSwitches;
  return switches * UNDISTURBED > computed && computed < 1000 * milliseconds * threads * SHARE;
}

/** What to ask once a task, with how many threads there are: whether it was crowded a while ago. */
export function watchCrowding(
  read: (() => Usage) | undefined,
  clock = (): number => performance.now(),
): (threads: number) => boolean {
  if (read === undefined) return () => false;
  let [asked, at, held] = [0, 0, 0];
  let last: Usage | undefined;
  const look = (now: number, threads: number): void => {
    const usage = read();
    const isCrowded = held <= 0 && last !== undefined && crowdedBetween(last, usage, now - at, threads);
    held = isCrowded ? HOLD : held - 1;
    [last, at] = [usage, now];
  };
  return (threads) => {
    if (asked++ % TASKS === 0) {
      const now = clock();
      if (last === undefined || now >= at + WINDOW_MS) look(now, threads);
    }
    return held > 0;
  };
}
