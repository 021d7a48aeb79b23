/** The two ways a record can miss: the library has no such thing, or it has and does something else. */

/** The library does not offer what the record asks for. Everything else that goes wrong is a failure. */
class Unsupported extends Error {
  override readonly name: string = "Unsupported";
}

/** The library offers it, and the result differs from PyTorch's. */
class Mismatch extends Error {
  override readonly name: string = "Mismatch";
}

export function unsupported(what: string): never {
  throw new Unsupported(what);
}

export function mismatch(where: string, what: string): never {
  throw new Mismatch(`${where}: ${what}`);
}

export type Status = "passed" | "failed" | "unsupported";

export interface Outcome {
  readonly id: string;
  readonly status: Status;
  /** Why not passed, in one line. */
  readonly reason: string;
}

/** Runs one check and says how it went. */
export async function judge(id: string, check: () => void | Promise<void>): Promise<Outcome> {
  try {
    await check();
    return { id, status: "passed", reason: "" };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: "thrown", message: String(error) };
    const reason = error instanceof Mismatch || error instanceof Unsupported ? message : `${name}: ${message}`;
    return { id, status: error instanceof Unsupported ? "unsupported" : "failed", reason: reason.split("\n", 1)[0]! };
  }
}
