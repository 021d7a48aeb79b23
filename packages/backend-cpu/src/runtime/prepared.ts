/**
 * Modules that were written when the package was built, since writing them is a quarter of what a short program takes to
 * begin. Node's bundle has another file in the place of this one (`.ci/prepare.mjs`); browsers, where bytes are dear, get
 * none, and neither do tests of the sources.
 */
import type { ModuleOptions } from "../wasm/emitter.ts";

export interface Prepared {
  /** What they were written for; an engine that differs writes its own. */
  readonly options: ModuleOptions | undefined;
  /** By the key that the engine knows it by. */
  bytes(key: string): Uint8Array<ArrayBuffer> | undefined;
}

export const prepared: Prepared = { options: undefined, bytes: () => undefined };
