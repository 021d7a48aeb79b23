/**
 * The program of a worker, as text: started by `eval: true` in Node and from a Blob in browsers. A file of its own would
 * need `new URL("./worker.js", import.meta.url)`, which some bundlers leave dangling, and which Node 20 cannot load from
 * TypeScript sources; a function turned to text breaks when a compiler adds helpers to it. In browsers a content security
 * policy must allow `worker-src blob:`; where it does not, everything runs on the calling thread.
 *
 * The worker never returns to its event loop while it knows all modules; when a task uses one it has not received, it
 * claims nothing, goes to get its messages and comes back.
 *
 * Where others want its core (see `crowding.ts`), it takes one chunk at a time and rests of itself between them, before the
 * system takes the core away in the middle of one, which everybody would have to wait for. Who rests gets the core back at once
 * when his timer goes off, and keeps his place beside the others; who is woken by the caller is often put on the caller's own
 * core.
 */
import * as control from "./control.ts";
import { CONTROL, MAX_ARGUMENTS, TASK_ARGUMENTS, THREAD_AREAS, THREAD_BYTES } from "./layout.ts";

/** Sent once, first. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  /** 1, 2, …; the caller is thread 0. */
  readonly thread: number;
}

/** Sent for every module before a task may use it. */
export interface WorkerModule {
  readonly id: number;
  readonly module: WebAssembly.Module;
}

export const workerSource = `"use strict";
const port = typeof require === "function" ? require("node:worker_threads").parentPort : self;
const modules = [];
let memory, thread, words, values, counted;
let rested = 0;

function rest() {
  if (performance.now() - rested < ${control.STRETCH_MS}) return;
  Atomics.wait(words, ${control.CROWDED}, 1, ${control.REST_MS});
  rested = performance.now();
}

function idle(state) {
  const rounds = Atomics.load(words, ${control.CROWDED}) ? ${control.SHORT_SPIN} : ${control.SPIN};
  for (let i = 0; i < rounds; i++) if (Atomics.load(words, ${control.STATE}) !== state) return;
  Atomics.add(words, ${control.SLEEPERS}, 1);
  Atomics.wait(words, ${control.STATE}, state);
  Atomics.sub(words, ${control.SLEEPERS}, 1);
  rested = performance.now();
}

function execute(loop, args) {
  words[counted] = 0;
  try {
    loop(...args);
  } catch {
    Atomics.store(words, ${control.FAILED}, 1);
  }
  if (words[counted] === 0) return;
  Atomics.add(words, ${control.DONE}, words[counted]);
  if (Atomics.load(words, ${control.WAITING}) > 0) Atomics.notify(words, ${control.DONE});
  if (Atomics.load(words, ${control.CROWDED})) rest();
}

// What describes the task is read between two looks at the share, which is closed before it changes: who finds it open still
// has read it as it was. The loop claims nothing of a task that is another by then.
function runShare(owner) {
  const share = ${control.SHARES} + owner * ${control.SHARE_WORDS};
  for (;;) {
    const state = Atomics.load(words, share);
    const [total, active] = [Atomics.load(words, ${control.TOTAL}), Atomics.load(words, ${control.ACTIVE})];
    const end = Math.floor(((owner + 1) * total) / active);
    if ((state & ${control.CHUNK_MASK}) >= end || thread >= active) return true;
    const functions = modules[Atomics.load(words, ${control.MODULE})];
    if (functions === undefined) return false;
    const loop = functions[Atomics.load(words, ${control.FUNCTION})];
    const tag = state & ${~control.CHUNK_MASK};
    const most = Atomics.load(words, ${control.CROWDED}) ? 1 : total;
    const args = [${CONTROL} + 4 * share, ${CONTROL} + 4 * counted, tag, end, most, total];
    const count = Atomics.load(words, ${control.ARGUMENTS});
    for (let i = 0; i < count; i++) args.push(values[i]);
    if ((Atomics.load(words, share) ^ tag) >>> 0 < end) execute(loop, args);
  }
}

function run() {
  for (;;) {
    const state = Atomics.load(words, ${control.STATE});
    const active = Atomics.load(words, ${control.ACTIVE});
    for (let i = 0; i < active; i++) {
      if (runShare((thread + i) % active)) continue;
      setTimeout(run, 0);
      return;
    }
    idle(state);
  }
}

port.onmessage = ({ data }) => {
  if (data.module !== undefined) {
    const env = { memory, area: ${THREAD_AREAS} + ${THREAD_BYTES} * thread };
    modules[data.id] = Object.values(new WebAssembly.Instance(data.module, { env, math: Math }).exports);
    return;
  }
  ({ memory, thread } = data);
  words = new Int32Array(memory.buffer, ${CONTROL}, ${control.CONTROL_WORDS});
  counted = ${control.COUNTS} + thread * ${control.SHARE_WORDS};
  values = new Float64Array(memory.buffer, ${TASK_ARGUMENTS}, ${MAX_ARGUMENTS});
  setTimeout(run, 0);
};
`;
