/**
 * The softmax family along contiguous lines. Each fold, and the output, is a pass over the line: rounds of several
 * vectors in blocks, then single vectors, then the last elements under a mask.
 */
import {
  call,
  type Expr,
  type Func,
  type FuncRef,
  type Local,
  load,
  type Module,
  op,
  select,
  shuffle,
} from "../wasm/emitter.ts";
import { type Access, access, loadPacked, storeFirst, storeRun } from "./access.ts";
import type { Node } from "./expression.ts";
import { collect, extractLane, firstLanes } from "./lanes.ts";
import { Lowering } from "./lower.ts";
import { type FoldTrees, keptAs, operands, usedBy, type Way } from "./softmax-lines.ts";

type Int = Local<"i32">;
type Vector = Local<"v128">;
/** The pointers into both inputs, the kept values and the output. */
type Pointers = readonly Int[];
const names = ["x0", "x1", "kept", "target"] as const;

/**
 * The vectors of a round: one for formulas longer than `LONG`, with which four would leave no register for constants.
 */
function vectorsOf({ type, joined }: Way, { element }: Step): number {
  return (type === "f64" || !joined) && collect([element]).size > LONG ? 1 : 4;
}
/** In nodes. */
const LONG = 16;
/** After so many elements a new total is begun. Long chains of additions would round too often. */
const BLOCK = 512;
/** Lines of at most so many elements go vector by vector, since calling the passes would take longer. */
const SHORT = 64;

/** What one pass over a line computes. */
interface Step {
  readonly element: Node;
  /** The fold that the element is added to; none in the last step, which stores the element as the output. */
  readonly fold?: FoldTrees;
  /**
   * Whether this pass touches the next line. While a line is computed several times in the nearest cache, memory would
   * otherwise be idle.
   */
  readonly fetches: boolean;
}

/**
 * A function that takes a step over some rounds, from a total to a total. It contains a single loop, in which V8 keeps
 * more values in registers.
 */
type Pass = FuncRef<readonly string[], "v128">;
export type Passes = readonly { readonly step: Step; readonly pass: Pass }[];

export function addPasses(m: Module, way: Way): Passes {
  const { folds, output } = way.trees;
  let known = 0;
  const passes = folds.map((fold, i) => {
    const step: Step = { element: fold.element, fold, fetches: i === 1 };
    const pass = addPass(m, way, step, known);
    known += fold.finish.length;
    return { step, pass };
  });
  const last: Step = { element: output, fetches: folds.length === 1 };
  return [...passes, { step: last, pass: addPass(m, way, last, known) }];
}

/** `known` is the number of results of the earlier folds. */
function addPass(m: Module, way: Way, step: Step, known: number): Pass {
  const results = Array.from({ length: known }, (_, i) => `result${i}`);
  const params = [...names, "rounds", "ahead", "total:v128", ...results.map((name) => `${name}:${way.type}`)];
  const vectors = vectorsOf(way, step);
  return m.inner("pass", params, (f, locals: Readonly<Record<string, Local>>) => {
    const pointers = names.map((name) => locals[name] as Int);
    const rounds = locals["rounds"] as Int;
    const splats = results.map((name) => f.let(splatOf(way, locals[name]!)));
    const totals = [locals["total"] as Vector, ...f.locals("v128", vectors - 1)];
    const writer = new StepWriter(f, way, step);
    for (const total of totals.slice(1)) writer.begin(total);
    f.while(rounds, () => {
      writer.write(pointers, splats, totals);
      if (step.fetches) {
        const ahead = locals["ahead"] as Int;
        for (const pointer of pointers.slice(0, 2)) f.drop(load("i32.load", op("i32.add", pointer, ahead)));
      }
      move(f, way, pointers, vectors * way.lanes);
      f.inc(rounds, -1);
    });
    return step.fold ? writer.joined(totals) : totals[0]!;
  }) as unknown as Pass;
}

/** Writes the code of a step inside one function. Like a `Lowering`, it must be made before the loop. */
class StepWriter {
  readonly #f: Func;
  readonly #way: Way;
  readonly #step: Step;
  readonly #trees: readonly Node[];
  readonly #lowering: Lowering;

  constructor(f: Func, way: Way, step: Step) {
    [this.#f, this.#way, this.#step] = [f, way, step];
    const { next, kept } = step.fold ?? { next: step.element };
    this.#trees = kept ? [next, kept] : [next];
    this.#lowering = new Lowering(f, this.#trees, way.lanes, way.tools);
  }

  begin(total: Vector): void {
    if (this.#step.fold) this.#f.set(total, this.emit([this.#step.fold.start], [])[0]!);
  }

  /** Writes the code of any other trees. */
  emit(trees: readonly Node[], inputs: readonly Expr[]): Vector[] {
    return this.#kept(new Lowering(this.#f, trees, this.#way.lanes, this.#way.tools).emit(trees, inputs));
  }

  /**
   * Writes the step for as many vectors as there are totals; all are loaded before any is stored.
   * @param left how many elements count, if they do not fill the vector
   */
  write([x0, x1, kept, target]: Pointers, known: readonly Vector[], totals: readonly Vector[], left?: Int): void {
    const { dtype, type, lanes } = this.#way;
    const [from, near] = [access[dtype], keptAs(type)];
    const used = usedBy(this.#trees);
    const loaded = totals.map((total, vector) => {
      const load = (of: Access, pointer: Int, isUsed: boolean): Vector =>
        isUsed ? this.#f.let(loadPacked(of, lanes, pointer, vector * lanes * of.bytes)) : total;
      const xs = [x0!, x1!].map((pointer, i) => load(from, pointer, used.read[i]!));
      return operands(xs, known, total, load(near, kept!, used.kept));
    });
    const values = loaded.map((inputs) => this.#kept(this.#lowering.emit(this.#trees, inputs)));
    const results = values.map((made) => made.at(-1)!);
    if (!this.#step.fold) this.#store(from, target!, results, left);
    else if (this.#step.fold.kept) this.#store(near, kept!, results, left);
    if (this.#step.fold) for (const [i, [next]] of values.entries()) this.#add(totals[i]!, next!, left);
  }

  #add(total: Vector, next: Vector, left?: Int): void {
    this.#f.set(total, left ? op("v128.bitselect", next, total, firstLanes(left, this.#way.lanes)) : next);
  }

  /** Combines the totals into one vector. */
  joined([first, ...rest]: readonly Vector[]): Vector {
    const { merge } = this.#step.fold!;
    return rest.reduce((a, b) => this.emit([merge], [a, b])[0]!, first!);
  }

  /** Combines all lanes of a total; every lane gets the result. */
  merged(total: Vector): Vector {
    const turned = (x: Vector, order: readonly number[]): Vector => this.joined([x, this.#f.let(shuffle(x, x, order))]);
    const halves = turned(total, [2, 3, 0, 1]);
    return this.#way.lanes === 2 ? halves : turned(halves, [1, 0, 3, 2]);
  }

  #kept(values: readonly Expr[]): Vector[] {
    return values.map((value) => this.#f.let(value as Expr<"v128">));
  }

  #store(to: Access, target: Int, values: readonly Vector[], left?: Int): void {
    const { lanes } = this.#way;
    if (left) storeFirst(this.#f, to, lanes, left, target, values[0]!);
    else storeRun(this.#f, to, lanes, target, values);
  }
}

/** Moves all pointers past some elements. */
function move(f: Func, { dtype, type }: Way, pointers: Pointers, elements: Expr<"i32"> | number): void {
  const bytesOf = (i: number): number => (names[i] === "kept" ? keptAs(type) : access[dtype]).bytes;
  for (const [i, pointer] of pointers.entries()) {
    const bytes = bytesOf(i);
    f.inc(pointer, typeof elements === "number" ? elements * bytes : op("i32.mul", elements, bytes));
  }
}

function splatOf({ type }: Way, value: Local): Expr<"v128"> {
  return type === "f32" ? op("f32x4.splat", value as Local<"f32">) : op("f64x2.splat", value as Local<"f64">);
}

/**
 * Writes the code for one line: all folds and the output.
 * @param starts the addresses of the inputs, the kept values and the output
 * @param ahead the distance to the next line, in bytes
 * @returns the results of the folds
 */
export function writeRow(
  f: Func,
  way: Way,
  passes: Passes,
  starts: Pointers,
  size: Int,
  ahead: Int,
): readonly Vector[] {
  const known: Vector[] = [];
  const [left, some] = [f.local("i32"), f.local("i32")];
  const [total, near] = [f.local("v128"), f.local("v128")];
  const pointers = starts.map(() => f.local("i32"));
  const { lanes } = way;
  for (const { step, pass } of passes) {
    const writer = new StepWriter(f, way, step);
    writer.begin(total);
    for (const [i, pointer] of pointers.entries()) f.set(pointer, starts[i]!);
    f.set(left, size);
    takeRounds(f, way, { step, pass, writer }, { pointers, left, some, ahead, total, near, known });
    f.while(op("i32.ge_s", left, lanes), () => {
      writer.write(pointers, known, [total]);
      move(f, way, pointers, lanes);
      f.inc(left, -lanes);
    });
    f.if(left, () => writer.write(pointers, known, [total], left));
    if (step.fold) known.push(...writer.emit(step.fold.finish, operands([], [], writer.merged(total))));
  }
  return known;
}

/** The state of a pass over a line. */
interface Line {
  readonly pointers: Pointers;
  readonly left: Int;
  /** The elements of the current block. */
  readonly some: Int;
  readonly ahead: Int;
  readonly total: Vector;
  /** The total of the current block. */
  readonly near: Vector;
  readonly known: readonly Vector[];
}

/** Writes the whole rounds of a long line, block by block. */
function takeRounds(
  f: Func,
  way: Way,
  { step, pass, writer }: Passes[number] & { readonly writer: StepWriter },
  { pointers, left, some, ahead, total, near, known }: Line,
): void {
  const elements = vectorsOf(way, step) * way.lanes;
  const takeBlock = (): void => {
    f.set(some, select(op("i32.lt_s", left, BLOCK), op("i32.and", left, -elements), BLOCK));
    const scalars = known.map((result) => extractLane(way.type, result, 0));
    writer.begin(near);
    const args: readonly Expr[] = [...pointers, op("i32.div_u", some, elements), ahead, near, ...scalars];
    f.set(near, call(pass, ...(args as Int[])));
    if (step.fold) f.set(total, writer.joined([total, near]));
    move(f, way, pointers, some);
    f.set(left, op("i32.sub", left, some));
  };
  f.if(op("i32.gt_s", left, SHORT), () => f.while(op("i32.ge_s", left, elements), takeBlock));
}
