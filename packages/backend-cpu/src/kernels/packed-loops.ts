/** The loops of element-wise kernels over runs without strides. */
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
  splat,
} from "../wasm/emitter.ts";
import { type Access, loadPacked, loadRepeated, loadReversed, loadScalar, storeFirst, storeRun } from "./access.ts";
import type { Node } from "./expression.ts";
import { addFunction, type Building, type Formula, type Layout, type Procedure, stepOf } from "./formula.ts";
import { gatheredOf, Lowering, maskOf, signsOf, type VectorLanes } from "./lower.ts";
import { REGISTERS, registersOf } from "./registers.ts";
import { SPLIT } from "./split.ts";
import type { Way, Ways } from "./ways.ts";

type Int = Local<"i32">;
type Vector = Local<"v128">;
/** Gives back whether there was something unusual. */
type Rounds = FuncRef<readonly string[], "i32">;
type Run = readonly Layout[];

/** Bytes from which the engine's own copying is faster than vectors that are not full, and than those that are. */
const BULK = 2 ** 8;
export const BULK_FULL = 2 ** 14;
/** Bytes that it copies at once: of more it keeps the caches free, which is slower. */
const PIECE = 2 ** 18;
/** Elements between two looks at what was unusual among them. */
const BLOCK = 1024;
/** Elements that are computed with patches where some of a block need them: others may be near. */
const CAREFUL = 4 * BLOCK;
/** Bytes of a line of the caches. */
const LINE = 64;

const isCheap = ({ weight, inputs }: Formula): boolean => weight <= inputs.length + 10;

/**
 * Cheap formulas take four vectors a round, or as many as write a line of the caches; moves eight, if they are not joined.
 * Others take two where the engine joins them, else four; one where something unusual is noted beside, if registers are
 * scarce: V8 notes it at the end of the round, and keeps all that it is made of until then.
 */
function vectorsOf({ what, m }: Building, { signs, roots }: Way): number {
  if (isMove(what) && !m.options.joined) return 8;
  if (isCheap(what)) return what.split ? Math.max(4, LINE / (SPLIT * what.output.bytes)) : 4;
  if (m.options.joined) return 2;
  const isTight = signs.length > 0 && registersOf([...gatheredFrom(signs), ...roots]) > REGISTERS - 4;
  return isTight ? 1 : 4;
}

const gatheredFrom = (signs: readonly Node[]): Node[] => signs.map((sign) => gatheredOf(sign).of);

/**
 * Formulas with patches are computed without them, block by block, and again with them where a block turns out to need
 * some: loops without branches are faster, and one test does for many vectors. What is written in place cannot be read
 * again, so it is computed with patches at once.
 */
export function addPacked(building: Building, ways: Ways, pattern: Run): Procedure {
  const { what, m } = building;
  const isPatched = ways.quick.signs.length > 0;
  const vectors = vectorsOf(building, ways.quick);
  const quick = addRounds(building, ways.quick, pattern, vectors);
  const { moved } = ways.careful;
  const wide = vectors * ways.quick.moved;
  const single = wide > moved || isPatched ? addRounds(building, ways.careful, pattern, 1) : quick;
  const complete = ways.complete && addRounds(building, ways.complete, pattern, vectors);
  const partial = addPartial(building, ways.careful, pattern);
  const near = isLatent(building) ? addNear(m) : undefined;
  return addFunction(building, "flat", (f, pointers, _, count) => {
    const { bytes } = what.output;
    if (isMove(what) && pattern[0] === "packed")
      addBulk(f, pointers, count, bytes, moved * bytes < 16 ? BULK : BULK_FULL);
    if (isMove(what) && pattern[0] === "repeated") addZeros(f, pointers, count, what.output);
    const some = f.local("i32");
    const run = (loop: Rounds, elements: number): Expr<"i32"> =>
      call(loop, ...pointers, op("i32.div_u", some, elements));
    /** The next `some` elements, a multiple of `elements`. */
    const part = (elements: number, size: Expr<"i32">, body: () => void): void => {
      f.set(some, op("i32.and", size, -elements));
      body();
      for (const [i, pointer] of pointers.entries()) f.inc(pointer, op("i32.mul", some, stepOf(building, i)));
      f.set(count, op("i32.sub", count, some));
    };
    const atLeast = (elements: number): Expr<"i32"> => op("i32.ge_u", count, elements);
    const atMost = (elements: number): Expr<"i32"> => select(atLeast(elements), i32(elements), count);
    /** To where the next block begins, if there is one: its page is looked up, and fetched from, while this one is computed. */
    const ahead = (bytes: number): Expr<"i32"> => select(atLeast(2 * BLOCK), i32(BLOCK * bytes), i32(0));
    const blocks = (): void =>
      f.while(atLeast(wide), () =>
        part(wide, atMost(BLOCK), () => {
          for (const [i, { bytes }] of what.inputs.entries()) {
            if (pattern[i] !== "packed") continue;
            if (near && bytes === 8) f.drop(call(near, pointers[i]!, op("i32.shr_u", some, 3)));
            else f.drop(load("i32.load", op("i32.add", pointers[i]!, ahead(bytes))));
          }
          f.if(run(quick, wide), () => {
            f.set(some, op("i32.and", atMost(CAREFUL), -wide));
            const patched = (): void => f.drop(run(single, moved));
            if (complete) f.if(run(complete, wide), patched);
            else patched();
          });
        }),
      );
    if (isPatched) f.if(areApart(pointers), blocks);
    else if (!isCheap(what)) blocks();
    else if (vectors > 1) f.if(atLeast(wide), () => part(wide, count, () => f.drop(run(quick, wide))));
    f.if(atLeast(moved), () => part(moved, count, () => f.drop(run(single, moved))));
    f.if(count, () => f.call(partial, ...pointers, count));
  });
}

/**
 * Whether so few elements are under way at once that each line of memory is waited for: then a block's lines are touched in
 * a loop of their own before it is computed.
 */
function isLatent({ what }: Building): boolean {
  return !isCheap(what) && what.inputs.some(({ bytes }) => bytes === 8);
}

/** Loads a word of each line. */
function addNear(m: Module): FuncRef<readonly ["from", "lines"], "i32"> {
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

function isMove({ inputs, output, root }: Formula): boolean {
  return root.op === "input" && inputs[0]!.bytes === output.bytes;
}

function addBulk(f: Func, [from, to]: readonly Int[], count: Int, bytes: number, least: number): void {
  f.if(op("i32.ge_u", count, least / bytes), () => {
    copyBulk(f, to!, from!, f.let(op("i32.mul", count, bytes)));
    f.return();
  });
}

/** The engine's own copying, a piece at a time; moves the addresses. */
export function copyBulk(f: Func, to: Int, from: Int, bytes: Int): void {
  eachPiece(f, bytes, (some) => {
    f.copy(to, from, some);
    for (const pointer of [from, to]) f.inc(pointer, some);
  });
}

function addZeros(f: Func, [from, to]: readonly Int[], count: Int, of: Access): void {
  f.if(op("i32.ge_u", count, BULK_FULL / of.bytes), () => {
    const element = loadScalar({ ...of, raw: of.bytes === 8 ? "i64" : "i32" }, from!) as Expr<"i32">;
    f.if(op(of.bytes === 8 ? "i64.eqz" : "i32.eqz", element as never), () => {
      eachPiece(f, f.let(op("i32.mul", count, of.bytes)), (some) => {
        f.fill(to!, 0, some);
        f.inc(to!, some);
      });
      f.return();
    });
  });
}

function eachPiece(f: Func, bytes: Int, body: (some: Int) => void): void {
  f.while(bytes, () => {
    const some = f.let(select(op("i32.lt_u", bytes, PIECE), bytes, i32(PIECE)));
    body(some);
    f.set(bytes, op("i32.sub", bytes, some));
  });
}

/** The elements that do not fill a vector. */
function addPartial(building: Building, { moved, lanes, roots }: Way, pattern: Run): Procedure {
  const { inputs, output } = building.what;
  return addFunction(building, "partial", (f, pointers, _, count) => {
    const xs = inputs.map((from, i) => {
      const pointer = pointers[i]!;
      return f.let(
        pattern[i] === "repeated" ? loadRepeated(from, pointer, moved) : loadRun(from, moved, pattern[i], pointer),
      );
    });
    const value = new Lowering(f, roots, lanes, building.tools).emit(roots, xs)[0] as Expr<"v128">;
    storeFirst(f, output, moved, count, pointers.at(-1)!, value);
  });
}

/** A vector of a run, `at` elements on. */
function loadRun(
  from: Access,
  lanes: VectorLanes,
  layout: Layout | undefined,
  pointer: Local<"i32">,
  at = 0,
): Expr<"v128"> {
  return layout === "reversed"
    ? loadReversed(from, lanes, pointer, at)
    : loadPacked(from, lanes, pointer, at * from.bytes);
}

/**
 * All loads of a round come first and all stores last, so that the engine can join vectors. Where it does not, a long
 * formula stores each vector before it loads the next: computed side by side, they would not fit the registers.
 */
function addRounds(building: Building, way: Way, pattern: Run, vectors: number): Rounds {
  const { inputs, output } = building.what;
  const { moved, lanes, roots, signs } = way;
  return addFunction(building, `by${vectors * moved}`, (f, pointers, _, count) => {
    const gathered = gatheredFrom(signs);
    const inTurn = vectors === 1 || (!isCheap(building.what) && !building.m.options.joined);
    // A register that is spilled makes each round wait for the memory that the one before wrote; bits take no vector.
    const isCrowded = registersOf([...gathered, ...roots]) >= REGISTERS;
    const sums = isCrowded ? signs : gathered;
    const trees = [...roots, ...sums];
    const lowering = new Lowering(f, trees, lanes, building.tools);
    // Long formulas leave it no register.
    const held = (value: Expr<"v128">): Expr<"v128"> => (isCheap(building.what) ? f.let(value) : value);
    const repeated = inputs.map((from, i) =>
      pattern[i] === "repeated" ? held(loadRepeated(from, pointers[i]!, moved)) : undefined,
    );
    const load = (i: number, at: number): Expr<"v128"> =>
      f.let(repeated[i] ?? loadRun(inputs[i]!, fitting(inputs[i]!, moved), pattern[i], pointers[i]!, at));
    const second = inputs.flatMap(({ bytes }, i) => (way.paired && bytes === 8 ? [i] : []));
    const places = Array.from({ length: vectors }, (_, vector) => vector * moved);
    const groups = inTurn ? places.map((at) => [at]) : [places];
    const nothing = (sign: Node): Local =>
      isCrowded ? f.local("i32") : f.let(splat("i32x4", gatheredOf(sign).from) as Expr<"v128">);
    // Short chains for cheap formulas, few registers for long ones.
    const found = Array.from({ length: isCheap(building.what) ? vectors : 1 }, () => signs.map(nothing));
    const bitsOf = (sign: Node, value: Vector): Expr<"i32"> => signsOf(sign, lanes, value);
    const note = (sum: Local, sign: Node, value: Vector): void => {
      if (isCrowded) f.set(sum as Int, op("i32.or", sum as Int, maskOf(sign.type, lanes, value)));
      else f.set(sum as Vector, op(gatheredOf(sign).by, sum as Vector, value));
    };
    const compute = (group: readonly number[]): void => {
      const loaded = group.map((at) => {
        const xs = inputs.map((_, i) => load(i, at));
        for (const i of second) xs[inputs.length + i] = load(i, at + 2);
        return xs;
      });
      const results = loaded.map((xs) => lowering.emit(trees, xs).map((x) => f.let(x as Expr<"v128">)));
      for (const [vector, values] of results.entries()) {
        for (const [k, sum] of found[vector % found.length]!.entries()) note(sum, signs[k]!, values[roots.length + k]!);
      }
      const values = results.flatMap((vectors) => vectors.slice(0, roots.length));
      storeRun(f, output, fitting(output, moved), pointers.at(-1)!, values, group[0]);
    };
    f.while(count, () => {
      groups.forEach(compute);
      for (const [i, pointer] of pointers.entries()) {
        if (repeated[i] === undefined) f.inc(pointer, vectors * moved * stepOf(building, i));
      }
      f.inc(count, -1);
    });
    const masks = found.flatMap((sums) =>
      sums.map((sum, k) => (isCrowded ? (sum as Int) : bitsOf(signs[k]!, sum as Vector))),
    );
    return masks.reduce<Expr<"i32">>((a, b) => op("i32.or", a, b), i32(0));
  });
}

/** How many of `lanes` elements are one vector. */
function fitting({ bytes }: Access, lanes: VectorLanes): VectorLanes {
  return Math.min(lanes, 16 / bytes) as VectorLanes;
}
