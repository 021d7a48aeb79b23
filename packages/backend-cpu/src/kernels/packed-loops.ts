/** Element-wise kernels over runs without strides: whole rounds in blocks, then vectors, then what fills none. */
import {
  call,
  type Expr,
  type Func,
  type FuncRef,
  i32,
  type Local,
  load,
  type Module,
  op,
  select,
} from "../wasm/emitter.ts";
import { addBulk, addZeros } from "./bulk.ts";
import { addFunction, type Building, type Procedure, stepOf } from "./formula.ts";
import {
  addPartial,
  addRounds,
  addShortRows,
  isCheap,
  isMove,
  LINE,
  type Rounds,
  type Run,
  vectorsOf,
} from "./packed-rounds.ts";
import type { Ways } from "./ways.ts";

type Int = Local<"i32">;

/** Elements between two looks at what was unusual among them. */
const BLOCK = 1024;
/** Elements that are computed with patches where some of a block need them: others may be near. */
const CAREFUL = 4 * BLOCK;

export interface Runs {
  /** One run. */
  readonly flat: Procedure;
  /** Rows of short runs, see `addShortRows`. */
  readonly short?: Procedure;
}

/** The leaves that a run is made of. */
interface Loops {
  /** Elements of a round of `quick` and `complete`, and of one of `single`. */
  readonly wide: number;
  readonly moved: number;
  readonly quick: Rounds;
  readonly complete: Rounds | undefined;
  readonly single: Rounds;
  readonly partial: Procedure;
  readonly near: Near | undefined;
}

/**
 * Formulas with patches are computed without them, block by block, and again with them where a block turns out to need
 * some: loops without branches are faster, and one test does for many vectors. What is written in place cannot be read
 * again, so it is computed with patches at once.
 */
export function addPacked(building: Building, ways: Ways, pattern: Run): Runs {
  const { what } = building;
  const isPatched = ways.quick.signs.length > 0;
  const loops = addLoops(building, ways, pattern, isPatched);
  const { wide, moved, quick, single, partial } = loops;
  const isSimple = isCheap(what) && !isPatched && !ways.quick.paired && pattern[0] !== "reversed";
  const short = isSimple ? addShortRows(building, ways.quick, pattern, partial) : undefined;
  const flat = addFunction(building, "flat", (f, pointers, _, count) => {
    if (isMove(what) && pattern[0] === "packed") addBulk(f, pointers, count, what.output, moved);
    if (isMove(what) && pattern[0] === "repeated") addZeros(f, pointers, count, what.output);
    const walk = walkOf(f, building, pattern, pointers, count);
    if (isPatched) f.if(areApart(pointers), () => walk.blocks(loops));
    else if (!isCheap(what)) walk.blocks(loops);
    else walk.rounds(quick, wide);
    walk.rounds(single, moved);
    f.if(count, () => f.call(partial, ...pointers, count));
  });
  return short ? { flat, short } : { flat };
}

function addLoops(building: Building, ways: Ways, pattern: Run, isPatched: boolean): Loops {
  const { moved } = ways.careful;
  const vectors = vectorsOf(building, ways.quick);
  const wide = vectors * ways.quick.moved;
  const quick = addRounds(building, ways.quick, pattern, vectors);
  const single = wide > moved || isPatched ? addRounds(building, ways.careful, pattern, 1) : quick;
  const complete = ways.complete && addRounds(building, ways.complete, pattern, vectors);
  const partial = addPartial(building, ways.careful, pattern);
  const near = isLatent(building) ? addNear(building.m) : undefined;
  return { wide, moved, quick, complete, single, partial, near };
}

/** What takes elements of a run, `some` at a time, of `count` that are left. */
function walkOf(f: Func, building: Building, pattern: Run, pointers: readonly Int[], count: Int) {
  const some = f.local("i32");
  const has = (elements: number): Expr<"i32"> => op("i32.ge_u", count, elements);
  const atMost = (elements: number): Expr<"i32"> => select(has(elements), i32(elements), count);
  const run = (loop: Rounds, elements: number): Expr<"i32"> => call(loop, ...pointers, op("i32.div_u", some, elements));
  /** The next ones, a multiple of `elements`. */
  const take = (elements: number, size: Expr<"i32">, body: () => void): void => {
    f.set(some, op("i32.and", size, -elements));
    body();
    for (const [i, pointer] of pointers.entries()) f.inc(pointer, op("i32.mul", some, stepOf(building, i)));
    f.set(count, op("i32.sub", count, some));
  };
  /** As many whole rounds as there are. */
  const rounds = (loop: Rounds, elements: number): void =>
    f.if(has(elements), () => take(elements, count, () => f.drop(run(loop, elements))));
  /** The same with a look at each block: if some of it needs patches, it and some more are computed again. */
  const blocks = ({ wide, moved, quick, complete, single, near }: Loops): void =>
    f.while(has(wide), () =>
      take(wide, atMost(BLOCK), () => {
        fetch(f, building, pattern, pointers, near, some, has(2 * BLOCK));
        f.if(run(quick, wide), () => {
          f.set(some, op("i32.and", atMost(CAREFUL), -wide));
          const patched = (): void => f.drop(run(single, moved));
          if (complete) f.if(run(complete, wide), patched);
          else patched();
        });
      }),
    );
  return { rounds, blocks };
}

/** What is latent, this block of it; of all else the next one, whose page is looked up while this one is computed. */
function fetch(
  f: Func,
  { what }: Building,
  pattern: Run,
  pointers: readonly Int[],
  near: Near | undefined,
  some: Int,
  hasNext: Expr<"i32">,
): void {
  for (const [i, { bytes }] of what.inputs.entries()) {
    if (pattern[i] !== "packed") continue;
    const pointer = pointers[i]!;
    const ahead = select(hasNext, i32(BLOCK * bytes), i32(0));
    if (near && bytes === 8) f.drop(call(near, pointer, op("i32.shr_u", some, 3)));
    else f.drop(load("i32.load", op("i32.add", pointer, ahead)));
  }
}

/**
 * Whether so few elements are under way at once that each line of memory is waited for: then a block's lines are touched in
 * a loop of their own before it is computed.
 */
function isLatent({ what }: Building): boolean {
  return !isCheap(what) && what.inputs.some(({ bytes }) => bytes === 8);
}

type Near = FuncRef<readonly ["from", "lines"], "i32">;

/** Loads a word of each line. */
function addNear(m: Module): Near {
  return m.inner("near", ["from", "lines"], (f, { from, lines }) => {
    const all = f.local("i32");
    f.while(lines, () => {
      f.set(all, op("i32.or", all, load("i32.load", from)));
      f.inc(from, LINE);
      f.inc(lines, -1);
    });
    return all;
  });
}

/** Whether no input is the output. */
function areApart(pointers: readonly Int[]): Expr<"i32"> {
  const out = pointers.at(-1)!;
  return pointers.slice(0, -1).reduce<Expr<"i32">>((all, x) => op("i32.and", all, op("i32.ne", x, out)), i32(1));
}
