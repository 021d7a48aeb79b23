/**
 * The loop in which a thread claims chunks of a share and runs them (see `runtime/threads.ts`). Every kernel that is
 * cut into chunks has such a loop in its module: calling the kernel from JavaScript for each chunk would take a tenth
 * of a microsecond, and a chunk of a middle-sized tensor takes only one.
 */
import type { Func, FuncRef } from "./func.ts";
import { compareExchange, type Local, load, op } from "./values.ts";

type Int = Local<"i32">;

/** The name under which `Module` exports the loop of a kernel. */
export const shareLoopOf = (kernel: string): string => `${kernel}:share`;

/**
 * What a loop takes before the kernel's own parameters, whose names have no dots: the addresses of the share and of the number
 * of chunks taken, the task's tag, the share's end, and how many to take.
 */
const own = ["loop.share", "loop.taken", "loop.tag", "loop.end", "loop.most"] as const;

/** Whether a kernel with these parameters is cut into chunks. */
export function isCut(params: readonly string[]): boolean {
  return params[0] === "chunk" && params[1] === "chunks";
}

export function loopParams({ params }: FuncRef): readonly string[] {
  return [...own, ...params.slice(1)];
}

/**
 * Claims one chunk after the other and calls the kernel, until the share is at its `end`, belongs to another task (as
 * its tag tells), or `most` chunks are taken. Chunks are counted before they are run, so that the number is right after
 * a trap.
 */
export function loopOverShare(f: Func, kernel: FuncRef, p: Readonly<Record<string, Local>>): void {
  const of = (name: (typeof own)[number]): Int => p[name] as Int;
  const [share, taken] = [of("loop.share"), of("loop.taken")];
  const rest = kernel.params.slice(1).map((param) => p[param.split(":")[0]!] as Int);
  f.block((exit) => {
    f.loop((again) => {
      const count = f.let(load("i32.load", taken));
      f.brIf(exit, op("i32.ge_u", count, of("loop.most")));
      const state = f.let(load("i32.atomic.load", share));
      const chunk = f.let(op("i32.xor", state, of("loop.tag")));
      f.brIf(exit, op("i32.ge_u", chunk, of("loop.end")));
      f.brIf(again, op("i32.ne", compareExchange(share, state, op("i32.add", state, 1)), state));
      f.store("i32.store", taken, op("i32.add", count, 1));
      f.call(kernel as FuncRef<readonly string[], undefined>, chunk, ...rest);
      f.br(again);
    });
  });
}
