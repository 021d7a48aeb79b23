/** What two copies of this package in one program must share: it lives on `globalThis`, with the version. */
import type { Backend } from "./backend.ts";
import type { FloatDType } from "./dtype.ts";
import { TensorError } from "./errors.ts";
import type { Recorder } from "./recorder.ts";
import type { Tensor } from "./tensor.ts";

export const version = "0.0.0";

export interface State {
  readonly version: string;
  readonly backends: Map<string, Backend>;
  recorder: Recorder | null;
  gradEnabled: boolean;
  promotion: boolean;
  defaultDevice: string;
  defaultDType: FloatDType;
  /** The innermost scope's list of handles, if any. */
  scope: Tensor[] | null;
  /** Where disposed tensors remember where that was: slow, for debugging. */
  traceDisposal: boolean;
}

const key: unique symbol = Symbol.for("@dl/tensor") as never;
const root = globalThis as { [key]?: State };

function open(): State {
  const found = root[key];
  if (found && found.version !== version) {
    throw new TensorError(
      `@dl/tensor: versions ${found.version} and ${version} are loaded in one program, and their tensors do not mix. ` +
        "Deduplicate @dl/tensor in your dependency tree",
    );
  }
  return (root[key] ??= {
    version,
    backends: new Map(),
    recorder: null,
    gradEnabled: true,
    promotion: false,
    defaultDevice: "cpu",
    defaultDType: "float32",
    scope: null,
    traceDisposal: false,
  });
}

export const state: State = open();
