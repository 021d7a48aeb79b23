/**
 * Detects whether others compete for the cores that our threads run on: other processes, threads of the same program,
 * or more threads than there are cores. It is told by the effects: how often the system takes a core away from us
 * (involuntary context switches), and how little time we get. Hosts that do not count these (browsers, Windows) are
 * never crowded.
 *
 * Measured on two cores: undisturbed, helper threads of the engine take a core 20 to 350 times in a second of
 * computing, and two threads get 1.9 seconds a second. Beside a process that keeps one core busy it is 300 to 2 000
 * times and 1.1 seconds.
 */

/** The fields of Node's `process.resourceUsage()` that tell it; times in microseconds. */
export interface Usage {
  readonly userCPUTime: number;
  readonly systemCPUTime: number;
  readonly involuntaryContextSwitches: number;
}

/** The time between readings: long enough that their cost of 3 µs does not matter, and chance neither. */
const WINDOW_MS = 100;
/** Only one in so many tasks looks at the clock, since even that is much for a short task. */
const TASKS = 16;
/** If there is less computing time than this between two switches, it may be crowded. In microseconds. */
const UNDISTURBED = 2500;
/** Undisturbed threads get nearly all of their cores (those that look for work compute, too); crowded ones get less. */
const SHARE = 0.75;
/**
 * Once crowded, it is judged again only after so many windows: workers that rest are seldom disturbed and get less of a
 * core in any case, so they tell nothing.
 */
const HOLD = 10;

/** Whether it was crowded between two readings that are `milliseconds` apart, with a number of threads. */
export function crowdedBetween(before: Usage, after: Usage, milliseconds: number, threads: number): boolean {
  const computed = after.userCPUTime - before.userCPUTime + (after.systemCPUTime - before.systemCPUTime);
  const switches = after.involuntaryContextSwitches - before.involuntaryContextSwitches;
  return switches * UNDISTURBED > computed && computed < 1000 * milliseconds * threads * SHARE;
}

/**
 * Returns a function to be called once for each task, with the number of threads. It tells whether cores are crowded.
 */
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
