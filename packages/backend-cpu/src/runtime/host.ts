/** What the host offers beyond the language. Node's modules are found at run time, so that browsers can bundle us. */

interface Builtins {
  "node:v8": typeof import("node:v8");
  "node:vm": typeof import("node:vm");
  "node:os": typeof import("node:os");
  "node:worker_threads": typeof import("node:worker_threads");
}

/** A module of Node's own, or undefined in other hosts. */
export function builtin<N extends keyof Builtins>(name: N): Builtins[N] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as Builtins[N] | undefined;
}

/** An environment variable; undefined where there are none. */
export function environment(name: string): string | undefined {
  return globalThis.process?.env?.[name];
}

/** Runs `task` after the current macrotask, without keeping the process alive. */
export function soon(task: () => void): void {
  if (typeof setImmediate === "function") setImmediate(task).unref?.();
  else setTimeout(task, 0);
}

/** Lets pending macrotasks run, finalizers among them. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

let collector: (() => void) | null | undefined;

/** Asks the host for a full garbage collection. False where there is no way to ask. */
export function collectGarbage(): boolean {
  collector ??= findCollector();
  collector?.();
  return collector !== null;
}

/** In Node `gc` can be had at run time: a context that is made while the flag is set has it. */
function findCollector(): (() => void) | null {
  const exposed = (globalThis as { gc?: () => void }).gc;
  if (typeof exposed === "function") return () => exposed();
  const v8 = builtin("node:v8");
  const vm = builtin("node:vm");
  if (v8 === undefined || vm === undefined) return null;
  v8.setFlagsFromString("--expose-gc");
  const gc: unknown = vm.runInNewContext("typeof gc === 'function' ? gc : null");
  v8.setFlagsFromString("--no-expose-gc");
  return typeof gc === "function" ? () => gc() : null;
}
