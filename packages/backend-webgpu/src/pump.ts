/**
 * Waiting without `await`, in Node: Dawn posts its event processing through `globalThis.setImmediate`, a name that it
 * looks up each time. The function it posts, caught once, can be called until a condition holds.
 */
type Post = (task: () => void, ...rest: unknown[]) => unknown;
const host = globalThis as unknown as { setImmediate?: Post };

/** Calls before the first pause, and pauses in milliseconds. */
const eager = 8;
const shortest = 0.02;
const growth = 1.3;
const longest = 2;

export type Pump = (done: () => boolean) => void;

/** `null` where the host has no such way: browsers, or another implementation of WebGPU. */
export async function catchPump(device: GPUDevice): Promise<Pump | null> {
  const real = host.setImmediate;
  if (!real) return null;
  const caught: { task?: () => void } = {};
  host.setImmediate = (task, ...rest) => {
    if (/\[native code\]/.test(Function.prototype.toString.call(task))) caught.task = task;
    return real(task, ...rest);
  };
  try {
    for (let turn = 0; turn < 8 && !caught.task; turn++) {
      await new Promise<void>((resolve) => void real(resolve));
      await device.queue.onSubmittedWorkDone();
    }
  } finally {
    host.setImmediate = real;
  }
  const { task } = caught;
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  const pause = (milliseconds: number): void => void Atomics.wait(nobody, 0, 0, milliseconds);
  return task ? (done) => pump(task, done, pause) : null;
}

/** Every call makes natives that only a macrotask frees, so few are spent: the pauses grow with the wait. */
function pump(processEvents: () => void, done: () => boolean, pause: (milliseconds: number) => void): void {
  const real = host.setImmediate!;
  let posted: (() => void) | null = null;
  host.setImmediate = (task) => {
    posted = task;
    return {};
  };
  try {
    for (let turn = 0; !done(); turn++) {
      if (turn >= eager) pause(Math.min(longest, shortest * growth ** (turn - eager)));
      processEvents();
    }
  } finally {
    host.setImmediate = real;
    if (posted) real(posted);
  }
}
