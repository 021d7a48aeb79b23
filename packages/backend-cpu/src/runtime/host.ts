/** What the host offers beyond the language. Node's modules are found at run time, so that browsers can bundle us. */

interface Builtins {
  "node:v8": typeof import("node:v8");
  "node:os": typeof import("node:os");
  "node:worker_threads": typeof import("node:worker_threads");
}

/** A module of Node's own, or undefined in other hosts. */
export function builtin<N extends keyof Builtins>(name: N): Builtins[N] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as Builtins[N] | undefined;
}

/** An environment variable or, as in browsers, a global variable of that name. */
export function environment(name: string): string | undefined {
  return globalThis.process?.env?.[name] ?? (globalThis as { readonly [name: string]: unknown })[name]?.toString();
}
