/**
 * Products by tiles in shared memory: 16 × 16 invocations make a tile, each `reach` × `reach` of its elements. What the
 * factors are is given by formulas, so that convolutions are products too (of numbers that are nowhere stored).
 */
import { type DType, sizeOf, type TensorMeta } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { shaped, whole } from "../layout.ts";
import { Program } from "../program.ts";
import { Scope } from "../wgsl/scope.ts";
import { scalarOf, wrap } from "../wgsl/types.ts";
import { sumOver } from "./reduce.ts";

/** WGSL of an element of one batch; only called for places inside. */
export type Element = (scope: Scope, row: string, column: string) => string;

export interface Product {
  readonly key: string;
  readonly dtype: DType;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Binds what the formulas need. They get the number of the batch. */
  readonly factors: (program: Program) => {
    /** [row, depth] */
    readonly a: (scope: Scope, batch: string) => Element;
    /** [depth, column] */
    readonly b: (scope: Scope, batch: string) => Element;
  };
  /** Whether neighbours in the depth lie side by side in `a`, in `b`: who loads what follows. */
  readonly deep: readonly [boolean, boolean];
  /** The flat place of [batch, row, column] in the result. */
  readonly place: (program: Program) => (scope: Scope, batch: string, row: string, column: string) => string;
}

const side = 16;
const threads = side * side;
/** Too few tiles to keep a device busy are multiplied by cutting a long depth. */
const fewTiles = 32;
const minDepth = 1024;

/** Computes [batch, rows, columns] elements into a new cell. */
export function product(engine: Engine, task: Product): Cell {
  const { batch, rows, columns, depth, dtype } = task;
  const reach = Math.min(rows, columns) > 2 * side ? 4 : 1;
  const tiles = batch * Math.ceil(rows / (side * reach)) * Math.ceil(columns / (side * reach));
  const cuts = tiles < fewTiles ? Math.min(Math.ceil(depth / minDepth), Math.ceil(fewTiles / Math.max(tiles, 1))) : 1;
  const length = batch * rows * columns;
  if (cuts <= 1) return launch(engine, task, { reach, tiles, cuts: 1 }, engine.allocate(dtype, length));
  const parts = engine.allocate(accumulator(dtype), cuts * length);
  const partial = launch(engine, task, { reach, tiles, cuts }, parts);
  const result = sumOver(engine, { ...whole(partial), shape: [length, cuts], strides: [1, length] }, dtype);
  engine.drop(partial);
  return result;
}

/** A row-major result to which each place along `dim` adds its element of the bias. */
export function plus(engine: Engine, result: Cell, bias: CellView, { shape, dtype }: TensorMeta, dim: number): Cell {
  const strides = shape.map((_, d) => (d === dim ? bias.strides[0]! : 0));
  const operands = [shaped(result, shape), { ...bias, shape, strides }];
  return engine.express("add", ([a, b]) => `${a} + ${b}`, operands, dtype, dtype, sizeOf(shape));
}

/** Parts of a sum are not rounded to 16 bits. */
function accumulator(dtype: DType): DType {
  return scalarOf(dtype) === "f32" ? "float32" : dtype;
}

/** How many elements of a tile's side an invocation makes, how many tiles there are, and into how many parts the depth is cut. */
interface Plan {
  readonly reach: number;
  readonly tiles: number;
  readonly cuts: number;
}

function launch(engine: Engine, task: Product, plan: Plan, out: Cell): Cell {
  const { reach, tiles, cuts } = plan;
  const program = new Program(`${task.key} ${task.dtype} ${reach} ${task.deep} ${cuts > 1}`);
  const factors = task.factors(program);
  const place = task.place(program);
  const write = program.write(whole(out));
  const sizes = sizesOf(program, task, plan);
  engine.launch(program, tiles * cuts, () => {
    const scope = new Scope();
    const { batch, cut } = locate(scope, sizes, reach);
    const type = scalarOf(task.dtype);
    const [a, b] = [factors.a(scope, batch), factors.b(scope, batch)];
    const left: Factor = ["left_", "top", sizes.rows, task.deep[0], a];
    const right: Factor = ["right_", "left", sizes.columns, task.deep[1], (inner, column, k) => b(inner, k, column)];
    multiply(scope, [left, right], reach, type);
    each(reach, (r, s) => {
      scope.block(`if (row${r} < ${sizes.rows} && column${s} < ${sizes.columns})`, (inner) => {
        const at = place(inner, batch, `row${r}`, `column${s}`);
        write(inner, inner.let(cuts > 1 ? `${cut} * ${sizes.length} + ${at}` : at), wrap(out.dtype, `c${r}${s}`));
      });
    });
    const tile = `array<${type}, ${side * (side * reach + 1)}>`;
    return program.source(scope.lines, threads, `var<workgroup> left_: ${tile};\nvar<workgroup> right_: ${tile};`);
  });
  return out;
}

type Sizes = Readonly<
  Record<"rows" | "columns" | "depth" | "down" | "across" | "batch" | "part" | "length" | "groups", string>
>;

function sizesOf(program: Program, task: Product, { reach, tiles, cuts }: Plan): Sizes {
  const word = (size: number): string => program.word(size);
  return {
    rows: word(task.rows),
    columns: word(task.columns),
    depth: word(task.depth),
    down: word(Math.ceil(task.rows / (side * reach))),
    across: word(Math.ceil(task.columns / (side * reach))),
    batch: word(task.batch),
    part: word(Math.ceil(task.depth / cuts)),
    length: word(task.batch * task.rows * task.columns),
    groups: word(tiles * cuts),
  };
}

/**
 * Which tile of which batch this workgroup makes, from which cut of the depth; names `row0`… and `column0`…, and the
 * cut's `start` and `end`.
 */
function locate(scope: Scope, sizes: Sizes, reach: number): { readonly batch: string; readonly cut: string } {
  scope.line(`if (group >= ${sizes.groups}) { return; }`);
  const rest = scope.let(`group / ${sizes.across}`);
  const beyond = scope.let(`${rest} / ${sizes.down}`);
  scope.line("let x = lane % 16u;");
  scope.line("let y = lane / 16u;");
  scope.line(`let top = ${rest} % ${sizes.down} * ${side * reach}u;`);
  scope.line(`let left = group % ${sizes.across} * ${side * reach}u;`);
  for (let r = 0; r < reach; r++) {
    scope.line(`let row${r} = top + y + ${r * side}u;`);
    scope.line(`let column${r} = left + x + ${r * side}u;`);
  }
  const batch = scope.let(`${beyond} % ${sizes.batch}`);
  const cut = scope.let(`${beyond} / ${sizes.batch}`);
  scope.line(`let start = ${cut} * ${sizes.part};`);
  scope.line(`let end = min(start + ${sizes.part}, ${sizes.depth});`);
  return { batch, cut };
}

/** A factor as its tiles are brought to shared memory: `corner` names where the tile begins, `limit` where the factor ends. */
type Factor = readonly [shared: string, corner: string, limit: string, deep: boolean, element: Element];

function multiply(scope: Scope, factors: readonly Factor[], reach: number, type: string): void {
  const pitch = side * reach + 1;
  each(reach, (r, s) => scope.line(`var c${r}${s} = ${type}(0);`));
  scope.block(`for (var base = start; base < end; base += ${side}u)`, (step) => {
    for (let e = 0; e < reach; e++) for (const factor of factors) stage(step, factor, e, reach, type);
    step.line("workgroupBarrier();");
    step.block(`for (var k = 0u; k < ${side}u; k++)`, (inner) => {
      for (let r = 0; r < reach; r++) {
        inner.line(`let p${r} = left_[k * ${pitch}u + y + ${r * side}u];`);
        inner.line(`let q${r} = right_[k * ${pitch}u + x + ${r * side}u];`);
      }
      each(reach, (r, s) => inner.line(`c${r}${s} += p${r} * q${s};`));
    });
    step.line("workgroupBarrier();");
  });
}

/** Each invocation brings one element of a factor's tile (zero beyond the edge) into shared memory. */
function stage(
  scope: Scope,
  [shared, corner, limit, deep, element]: Factor,
  turn: number,
  reach: number,
  type: string,
): void {
  const span = side * reach;
  scope.block("", (inner) => {
    inner.line(`let id = lane + ${turn * threads}u;`);
    inner.line(deep ? `let across = id / ${side}u;` : `let across = id % ${span}u;`);
    inner.line(deep ? `let down = id % ${side}u;` : `let down = id / ${span}u;`);
    inner.line(`let at = ${corner} + across;`);
    inner.line("let k = base + down;");
    inner.line(`var value = ${type}(0);`);
    inner.block(`if (at < ${limit} && k < end)`, (inside) => inside.line(`value = ${element(inside, "at", "k")};`));
    inner.line(`${shared}[down * ${span + 1}u + across] = value;`);
  });
}

function each(reach: number, body: (r: number, s: number) => void): void {
  for (let r = 0; r < reach; r++) for (let s = 0; s < reach; s++) body(r, s);
}
