/**
 * Waiting without `await`, in Node: Dawn posts its event processing through `globalThis.setImmediate`, a name that it
 * looks up each time. The function it posts, caught once, can be called until a condition holds.
 */
type Post = (task: () => void, ...rest: unknown[]) => unknown;
const host = globalThis as unknown as { setImmediate?: Post };

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
  return task ? (done) => pump(task, done) : null;
}

function pump(processEvents: () => void, done: () => boolean): void {
  const real = host.setImmediate!;
  let posted: (() => void) | null = null;
  host.setImmediate = (task) => {
    posted = task;
    return {};
  };
  try {
    while (!done()) processEvents();
  } finally {
    host.setImmediate = real;
    if (posted) real(posted);
  }
}
