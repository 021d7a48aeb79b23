/**
 * Compiles modules and keeps them. A module is emitted on first use, under a key that names everything it was specialised
 * by; emitting and compiling take milliseconds, so keys must not vary from call to call.
 */
import { Module, type ModuleOptions } from "../wasm/emitter.ts";
import { shareLoopOf } from "../wasm/shares.ts";
import { detectFeatures, type Features } from "./features.ts";
import { THREAD_AREAS } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { type Prepared, prepared } from "./prepared.ts";

/** A kernel: numbers in (addresses and sizes in i32, the rest as declared), at most one number out. */
export type Kernel = (...args: number[]) => number;
export type Exports<N extends string = string> = { readonly [K in N]: Kernel };

/** The loop of a thread over its share of a kernel's chunks, and its number among the exports, the same in every thread. */
export interface ShareLoop {
  readonly run: Kernel;
  readonly number: number;
}

/** A compiled module, as threads need it. */
export interface Compiled {
  /** Counts from 0 in the order of compilation. */
  readonly id: number;
  readonly key: string;
  readonly module: WebAssembly.Module;
  readonly exports: Exports;
  /** By the names of kernels that are cut into chunks. */
  readonly loops: ReadonlyMap<string, ShareLoop>;
}

export class Engine {
  readonly memory: Memory;
  readonly features: Features;
  /** What all modules are built for. */
  readonly options: ModuleOptions;
  readonly #prepared: Prepared | undefined;
  readonly #modules = new Map<string, Compiled>();

  /** @throws if the host lacks WebAssembly SIMD. */
  constructor(memory: Memory, features: Features = detectFeatures(), known: Prepared = prepared) {
    if (!features.simd) {
      throw new Error(
        "cpu: this host has no WebAssembly SIMD. Remedy: Node 20 or newer, or a browser of 2023 or newer.",
      );
    }
    this.memory = memory;
    this.features = features;
    const { shared, wide } = memory.heap;
    // V8 does not join vectors over wide memory.
    this.options = { shared, wide, relaxed: features.relaxedSimd, joined: features.joinedVectors && !wide };
    this.#prepared = JSON.stringify(known.options) === JSON.stringify(this.options) ? known : undefined;
  }

  /**
   * The functions of the module `key`; `build` writes it the first time. Hold the result where calls are frequent.
   *
   * @throws if the host forbids or refuses the module.
   */
  module<N extends string = string>(key: string, build: (m: Module) => void): Exports<N> {
    const compiled = this.#modules.get(key) ?? this.#compile(key, build);
    return compiled.exports as Exports<N>;
  }

  /** A module that was built before. @throws if it was not. */
  compiled(key: string): Compiled {
    const compiled = this.#modules.get(key);
    if (compiled === undefined) throw new Error(`compiled: there is no module ${key}. Remedy: build it with module().`);
    return compiled;
  }

  #compile(key: string, build: (m: Module) => void): Compiled {
    const module = compile(key, this.#prepared?.bytes(key) ?? this.#write(build));
    const env = { memory: this.memory.heap.memory, area: THREAD_AREAS };
    const instance = new WebAssembly.Instance(module, { env, math: Math as unknown as WebAssembly.ModuleImports });
    const exports = instance.exports as Exports;
    const compiled = { id: this.#modules.size, key, module, exports, loops: loopsOf(exports) };
    this.#modules.set(key, compiled);
    return compiled;
  }

  #write(build: (m: Module) => void): Uint8Array<ArrayBuffer> {
    const writer = new Module(this.options);
    build(writer);
    return writer.bytes();
  }
}

function loopsOf(exports: Exports): Map<string, ShareLoop> {
  const names = Object.keys(exports);
  const cut = names.filter((name) => shareLoopOf(name) in exports);
  return new Map(
    cut.map((name) => {
      const loop = shareLoopOf(name);
      return [name, { run: exports[loop]!, number: names.indexOf(loop) }];
    }),
  );
}

function compile(key: string, bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    const remedy = "Remedy: if a content security policy forbids it, add 'wasm-unsafe-eval' to script-src.";
    throw new Error(`cpu: the module ${key} was refused: ${(cause as Error).message} ${remedy}`, { cause });
  }
}
