/**
 * Reading and writing where other tensors say. Writes go line by line along the dimension, one invocation a line: the
 * order of additions is the index's, so results repeat exactly, and no atomics are needed.
 */
import { type ScatterReduce, sizeOf, stridesOf } from "@dl/tensor";
import type { Cell, CellView, Operand } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { linesAlong, pick, whole } from "../layout.ts";
import { Program, type Reader, workgroup } from "../program.ts";
import type { Scope } from "../wgsl/scope.ts";
import { kindOf, scalarOf, wrap } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";

export const gather: Kernel<"gather"> = (engine, call) => {
  const [x, index] = views(call) as [CellView, CellView];
  return [pickUp(engine, "gather", x, index, call.attrs.dim)];
};

export const indexSelect: Kernel<"indexSelect"> = (engine, call) => {
  const [x, index] = views(call) as [CellView, CellView];
  const { dim } = call.attrs;
  return [pickUp(engine, "indexSelect", x, spread(index, call.outputs[0]!.shape, dim), dim)];
};

export const scatter: Kernel<"scatter"> = (engine, call) => {
  const [self, index, source] = call.inputs as [CellView, CellView, Operand];
  const { dim, reduce, includeSelf } = call.attrs;
  return [putDown(engine, { op: "scatter", self, index, source, dim, reduce, includeSelf })];
};

export const indexAdd: Kernel<"indexAdd"> = slices("indexAdd", "add");
export const indexCopy: Kernel<"indexCopy"> = slices("indexCopy", "replace");

function slices<K extends "indexAdd" | "indexCopy">(op: K, reduce: ScatterReduce): Kernel<K> {
  return (engine, call) => {
    const [self, index, source] = views(call) as [CellView, CellView, CellView];
    const { dim } = call.attrs as { readonly dim: number };
    return [
      putDown(engine, { op, self, index: spread(index, source.shape, dim), source, dim, reduce, includeSelf: true }),
    ];
  };
}

/** A 1-d index, the same for every line along `dim`. */
function spread(index: CellView, shape: readonly number[], dim: number): CellView {
  return { ...index, shape, strides: shape.map((_, d) => (d === dim ? (index.strides[0] ?? 0) : 0)) };
}

/** WGSL that tests an index, notes a bad one for the next read to report, and goes on with 0. */
function checked(
  engine: Engine,
  program: Program,
  op: string,
  dim: number,
  size: number,
): (scope: Scope, index: string) => void {
  const { block, number } = engine.status.expect({ op, dim, size });
  const slot = program.bind(block, "i32", true);
  const [limit, check] = program.words(size, number);
  program.note(`?${slot}`);
  return (scope, index) => {
    scope.line(`var to = bitcast<u32>(${index});`);
    scope.block(`if (to >= ${limit})`, (inner) => {
      inner.line(`if (b${slot}[0] == 0) { b${slot}[0] = bitcast<i32>(${check}); b${slot}[1] = ${index}; }`);
      inner.line("to = 0u;");
    });
  };
}

function pickUp(engine: Engine, op: string, x: CellView, index: CellView, dim: number): Cell {
  const { dtype } = x.cell;
  const { shape } = index;
  const block = engine.materialize(x.cell);
  engine.materialize(index.cell);
  const program = new Program(`${op} ${dtype}`);
  const read = program.read(index, "int64");
  const slot = program.bind(block, scalarOf(dtype), false);
  const strides = x.strides.map((stride, d) => (d === dim ? 0 : stride));
  const place = program.place({ shape, strides, offset: x.offset });
  const step = program.word(x.strides[dim] ?? 0);
  const check = checked(engine, program, op, dim, x.shape[dim] ?? 1);
  program.note(slot);
  const out = engine.allocate(dtype, sizeOf(shape));
  const value: Reader = (scope, i) => {
    const start = place(scope, i);
    check(scope, read(scope, i));
    // An empty dimension has no place 0 either: its neighbour's element is read and the check reports it.
    return scope.let(`b${slot}[${start} + to * ${step}]`);
  };
  engine.map(program, value, whole(out), out.length);
  return out;
}

interface PutDown {
  readonly op: string;
  readonly self: CellView;
  readonly index: CellView;
  readonly source: Operand;
  readonly dim: number;
  readonly reduce: ScatterReduce;
  readonly includeSelf: boolean;
}

const combine: { readonly [R in ScatterReduce]: (a: string, b: string, float: boolean) => string } = {
  replace: (_, b) => b,
  add: (a, b) => `${a} + ${b}`,
  prod: (a, b) => `${a} * ${b}`,
  amax: (a, b, float) => `${float ? "dl_max" : "max"}(${a}, ${b})`,
  amin: (a, b, float) => `${float ? "dl_min" : "min"}(${a}, ${b})`,
};

function putDown(engine: Engine, task: PutDown): Cell {
  const { op, self, index, dim, reduce, includeSelf } = task;
  const { dtype } = self.cell;
  const out = copyOf(engine, self);
  const touched = includeSelf ? null : zeros(engine, out.length);
  const source = typeof task.source === "number" ? task.source : { ...task.source, shape: index.shape };
  for (const input of [index, source]) if (typeof input !== "number") engine.materialize(input.cell);
  const { order, count, length } = linesAlong(index.shape, dim);
  const program = new Program(`${op} ${reduce} ${dtype} ${includeSelf}`);
  const readIndex = program.read(pick(index, order), "int64");
  const read = program.read(typeof source === "number" ? source : pick(source, order), dtype);
  const strides = stridesOf(self.shape);
  const place = program.place(pick({ cell: out, shape: index.shape, strides, offset: 0 }, order.slice(0, -1)));
  const put = putter(program, task, out, touched);
  const check = checked(engine, program, op, dim, self.shape[dim] ?? 1);
  const [step, many, long] = program.words(strides[dim] ?? 0, count, length);
  const body = (scope: Scope, line: string): void => {
    const start = place(scope, line);
    scope.block(`for (var k = 0u; k < ${long}; k++)`, (inner) => {
      const i = inner.let(`${line} * ${long} + k`);
      check(inner, readIndex(inner, i));
      inner.line(`let at = ${start} + to * ${step};`);
      put(inner, read(inner, i));
    });
  };
  engine.launch(program, Math.ceil(count / workgroup), () => program.each(many, body));
  if (touched) engine.drop(touched);
  return out;
}

/** WGSL that joins a value with what is `at` its place. Where `touched` has no mark yet, it takes that place. */
function putter(
  program: Program,
  { reduce }: PutDown,
  { block, dtype }: Cell,
  touched: Cell | null,
): (scope: Scope, value: string) => void {
  const slot = program.bind(block!, scalarOf(dtype), true);
  const marks = touched ? program.bind(touched.block!, "i32", true) : -1;
  return (scope, value) => {
    const joined = `(${combine[reduce](`b${slot}[at]`, value, kindOf(dtype) === "float")})`;
    const result = touched ? `select(${joined}, ${value}, b${marks}[at] == 0)` : joined;
    scope.line(`b${slot}[at] = ${wrap(dtype, result)};`);
    if (touched) scope.line(`b${marks}[at] = 1;`);
  };
}

/** A fresh row-major copy in memory. */
function copyOf(engine: Engine, view: CellView): Cell {
  const out = engine.express("copy", ([x]) => x!, [view], view.cell.dtype, view.cell.dtype, sizeOf(view.shape));
  engine.materialize(out);
  return out;
}

function zeros(engine: Engine, length: number): Cell {
  const out = engine.express("full", ([x]) => x!, [0], "int32", "int32", length);
  engine.materialize(out);
  return out;
}
