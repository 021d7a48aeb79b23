/**
 * Element-wise kernels over packed runs. A run is computed in rounds of several vectors, then in single vectors, then
 * as a last vector that is only partly filled.
 *
 * Formulas with patches (rare arguments that need a slower way, see `expression.ts`) go block by block: a block is
 * first computed as if no element needed a patch, and computed again, with patches, if it turns out that some did.
 */
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

/** Elements of a block. */
const BLOCK = 1024;
/** Elements that are computed again once a block needs patches: elements that need them tend to be neighbours. */
const CAREFUL = 4 * BLOCK;

export interface Runs {
  /** Computes one run. */
  readonly flat: Procedure;
  /** Computes many short runs, see `addShortRows`. */
  readonly short?: Procedure;
}

/** The functions that a run is made of. */
interface Loops {
  /** Elements of a round of `quick` and `complete`, and of one of `single`. */
  readonly wide: number;
  readonly moved: number;
  /** Rounds without patches; returns whether an element needed one. */
  readonly quick: Rounds;
  /** The same with fallbacks that serve all elements, see `Ways`. */
  readonly complete: Rounds | undefined;
  /** Single vectors, with patches. */
  readonly single: Rounds;
  /** The last elements, which do not fill a vector. */
  readonly partial: Procedure;
  /** Brings a block of an input into the nearest cache. */
  readonly near: Near | undefined;
}

/**
 * Adds the functions for packed runs. Blocks without patches pay off because loops without branches are faster and one
 * test serves many vectors. An in-place call cannot read a block again, so it uses patches from the start.
 */
export function addPacked(building: Building, ways: Ways, pattern: Run): Runs {
  const { formula } = building;
  const isPatched = ways.quick.signs.length > 0;
  const loops = addLoops(building, ways, pattern, isPatched);
  const { wide, moved, quick, single, partial } = loops;
  const isSimple = isCheap(formula) && !isPatched && !ways.quick.paired && pattern[0] !== "reversed";
  const short = isSimple ? addShortRows(building, ways.quick, pattern, partial) : undefined;
  const flat = addFunction(building, "flat", (f, pointers, _, count) => {
    if (isMove(formula) && pattern[0] === "packed") addBulk(f, pointers, count, formula.output, moved);
    if (isMove(formula) && pattern[0] === "repeated") addZeros(f, pointers, count, formula.output);
    const walk = walkOf(f, building, pattern, pointers, count);
    if (isPatched) f.if(areApart(pointers), () => walk.blocks(loops));
    else if (!isCheap(formula)) walk.blocks(loops);
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

/**
 * Writers of the loops over a run: each takes `some` of the `count` elements that are left, and moves the pointers on.
 */
function walkOf(f: Func, building: Building, pattern: Run, pointers: readonly Int[], count: Int) {
  const some = f.local("i32");
  const has = (elements: number): Expr<"i32"> => op("i32.ge_u", count, elements);
  const atMost = (elements: number): Expr<"i32"> => select(has(elements), i32(elements), count);
  const run = (loop: Rounds, elements: number): Expr<"i32"> => call(loop, ...pointers, op("i32.div_u", some, elements));
  /** Runs `body` for the next `size` elements, rounded down to a multiple of `elements`. */
  const take = (elements: number, size: Expr<"i32">, body: () => void): void => {
    f.set(some, op("i32.and", size, -elements));
    body();
    for (const [i, pointer] of pointers.entries()) f.inc(pointer, op("i32.mul", some, stepOf(building, i)));
    f.set(count, op("i32.sub", count, some));
  };
  /** Runs as many whole rounds as the elements fill. */
  const rounds = (loop: Rounds, elements: number): void =>
    f.if(has(elements), () => take(elements, count, () => f.drop(run(loop, elements))));
  /** The same block by block. A block that needs patches is computed again, together with the following ones. */
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

/**
 * Touches memory ahead of its use: of inputs with latency (`near`) every cache line of this block; of others one word
 * of the next block, so that the processor looks its page up while this one is computed.
 */
function fetch(
  f: Func,
  { formula }: Building,
  pattern: Run,
  pointers: readonly Int[],
  near: Near | undefined,
  some: Int,
  hasNext: Expr<"i32">,
): void {
  for (const [i, { bytes }] of formula.inputs.entries()) {
    if (pattern[i] !== "packed") continue;
    const pointer = pointers[i]!;
    const ahead = select(hasNext, i32(BLOCK * bytes), i32(0));
    if (near && bytes === 8) f.drop(call(near, pointer, op("i32.shr_u", some, 3)));
    else f.drop(load("i32.load", op("i32.add", pointer, ahead)));
  }
}

/**
 * Whether the loop overlaps so few elements that it would wait for each cache line of memory. Then the lines of a block
 * are touched in a loop of their own first.
 */
function isLatent({ formula }: Building): boolean {
  return !isCheap(formula) && formula.inputs.some(({ bytes }) => bytes === 8);
}

type Near = FuncRef<readonly ["from", "lines"], "i32">;

/** Adds a function that loads a word of each cache line. Its result only keeps the loads from being optimised away. */
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

/** Whether the call is not in place: no input starts where the output does. */
function areApart(pointers: readonly Int[]): Expr<"i32"> {
  const out = pointers.at(-1)!;
  return pointers.slice(0, -1).reduce<Expr<"i32">>((all, x) => op("i32.and", all, op("i32.ne", x, out)), i32(1));
}
