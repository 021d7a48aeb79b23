/** What every family of records offers the runner. */
import type { Recorded } from "./records.ts";

export interface Context {
  /** The device under test. */
  readonly device: string;
}

export interface Family<R extends Recorded = Recorded> {
  /** Returns when the record is met. @throws Unsupported, Mismatch or whatever the library throws */
  check(record: R, context: Context): void | Promise<void>;
  /** Without a synchronous scope around each record, because checks wait. */
  readonly async?: boolean;
}
