/** Pooling: an invocation an output; backwards one an input (averages) or a plane (maxima), so that nothing is added at once. */
import { type AvgPoolAttrs, type PoolAttrs, type Shape, sizeOf } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { whole } from "../layout.ts";
import { Program, type Reader, workgroup } from "../program.ts";
import { inside, nest, ravel, unravel } from "../wgsl/places.ts";
import { Scope } from "../wgsl/scope.ts";
import { scalarOf, wrap } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";

/** The spatial sizes and the window, as WGSL. */
interface Windows {
  readonly planes: string;
  readonly x: readonly string[];
  readonly out: readonly string[];
  readonly kernel: readonly string[];
  readonly stride: readonly string[];
  readonly padding: readonly string[];
  readonly dilation: readonly string[];
}

function windows(program: Program, x: Shape, out: Shape, attrs: PoolAttrs): Windows {
  const rank = attrs.kernel.length;
  const all = (list: Shape): string[] => list.map((value) => program.word(value));
  program.note(rank);
  return {
    planes: program.word(sizeOf(x.slice(0, -rank))),
    x: all(x.slice(-rank)),
    out: all(out.slice(-rank)),
    kernel: all(attrs.kernel),
    stride: all(attrs.stride),
    padding: all(attrs.padding),
    dilation: all(attrs.dilation),
  };
}

/** Binds a view that is read several times. */
function bound(engine: Engine, program: Program, view: CellView): Reader {
  engine.materialize(view.cell);
  return program.read(view, view.cell.dtype);
}

/** One invocation for each of `length` places: `body` writes. */
function forEach(engine: Engine, program: Program, length: number, body: (scope: Scope, index: string) => void): void {
  const size = program.word(length);
  engine.launch(program, Math.ceil(length / workgroup), () => {
    const scope = new Scope();
    const index = scope.let(`group * ${workgroup}u + lane`);
    scope.line(`if (${index} >= ${size}) { return; }`);
    body(scope, index);
    return program.source(scope.lines);
  });
}

/** Visits the elements of the window of an output place that lie inside the picture. */
function eachTap(
  scope: Scope,
  w: Windows,
  at: readonly string[],
  body: (inner: Scope, place: readonly string[]) => void,
): void {
  const start = at.map((i, d) => scope.let(`${i} * ${w.stride[d]} - ${w.padding[d]}`));
  nest(scope, "k", w.kernel, (loop, k) => {
    const place = k.map((i, d) => loop.let(`${start[d]} + ${i} * ${w.dilation[d]}`));
    loop.block(`if (${inside(place, w.x)})`, (inner) => body(inner, place));
  });
}

export const maxPool: Kernel<"maxPool"> = (engine, call) => {
  const [x] = views(call) as [CellView];
  const { shape, dtype } = call.outputs[0]!;
  const program = new Program(`maxPool ${dtype}`);
  const read = bound(engine, program, x);
  const w = windows(program, x.shape, shape, call.attrs);
  const cells = [engine.allocate(dtype, sizeOf(shape)), engine.allocate("int32", sizeOf(shape))];
  const [values, places] = cells.map((cell) => program.write(whole(cell)));
  forEach(engine, program, sizeOf(shape), (scope, index) => {
    const [plane, ...at] = unravel(scope, index, [w.planes, ...w.out]) as [string, ...string[]];
    scope.line("var found = false;");
    scope.line(`var best = ${read(scope, "0u")};`);
    scope.line("var spot = 0u;");
    eachTap(scope, w, at, (inner, place) => {
      const value = read(inner, ravel(inner, plane, place, w.x));
      const more = dtype.includes("float")
        ? `${value} > best || (dl_isnan(${value}) && !dl_isnan(best))`
        : `${value} > best`;
      const flat = ravel(inner, "0u", place, w.x);
      inner.line(`if (!found || ${more}) { found = true; best = ${value}; spot = ${flat}; }`);
    });
    values!(scope, index, "best");
    places!(scope, index, "bitcast<i32>(spot)");
  });
  return cells;
};

export const maxPoolBackward: Kernel<"maxPoolBackward"> = (engine, call) => {
  const [gradient, positions] = views(call) as [CellView, CellView];
  const { shape, dtype } = call.outputs[0]!;
  const planes = sizeOf(shape.slice(0, 2));
  const program = new Program(`maxPoolBackward ${dtype}`);
  const [read, readPlace] = [bound(engine, program, gradient), bound(engine, program, positions)];
  const out = engine.allocate(dtype, sizeOf(shape));
  const slot = program.bind(out.block!, scalarOf(dtype), true);
  const [pixels, windows_] = [sizeOf(shape.slice(2)), sizeOf(gradient.shape.slice(2))].map((size) =>
    program.word(size),
  );
  forEach(engine, program, planes, (scope, plane) => {
    const start = scope.let(`${plane} * ${pixels}`);
    scope.line(`for (var k = 0u; k < ${pixels}; k++) { b${slot}[${start} + k] = ${scalarOf(dtype)}(0); }`);
    scope.block(`for (var k = 0u; k < ${windows_}; k++)`, (inner) => {
      const from = inner.let(`${plane} * ${windows_} + k`);
      const at = inner.let(`${start} + bitcast<u32>(${readPlace(inner, from)})`);
      inner.line(`b${slot}[${at}] = ${wrap(dtype, `b${slot}[${at}] + ${read(inner, from)}`)};`);
    });
  });
  return [out];
};

/** How many elements an output place divides by; `counted` are those inside the picture. */
function divisor(scope: Scope, w: Windows, attrs: AvgPoolAttrs, given: string, at: readonly string[]): string {
  if (attrs.divisor) return given;
  const extents = at.map((i, d) => {
    const start = scope.let(`bitcast<i32>(${i} * ${w.stride[d]} - ${w.padding[d]})`);
    const end = `${start} + bitcast<i32>(${w.kernel[d]})`;
    const limit = `bitcast<i32>(${w.x[d]})`;
    if (attrs.countIncludePad) return scope.let(`min(${end}, ${limit} + bitcast<i32>(${w.padding[d]})) - ${start}`);
    return scope.let(`min(${end}, ${limit}) - max(${start}, 0)`);
  });
  return extents.join(" * ");
}

function averaging(name: string, dtype: string, attrs: AvgPoolAttrs): { program: Program; given: string } {
  const program = new Program(`${name} ${dtype} ${attrs.countIncludePad} ${attrs.divisor !== 0}`);
  return { program, given: program.word(attrs.divisor) };
}

export const avgPool: Kernel<"avgPool"> = (engine, call) => {
  const [x] = views(call) as [CellView];
  const { shape, dtype } = call.outputs[0]!;
  const { program, given } = averaging("avgPool", dtype, call.attrs);
  const read = bound(engine, program, x);
  const w = windows(program, x.shape, shape, call.attrs);
  const out = engine.allocate(dtype, sizeOf(shape));
  const write = program.write(whole(out));
  forEach(engine, program, sizeOf(shape), (scope, index) => {
    const [plane, ...at] = unravel(scope, index, [w.planes, ...w.out]) as [string, ...string[]];
    scope.line(`var sum = ${scalarOf(dtype)}(0);`);
    eachTap(scope, w, at, (inner, place) => inner.line(`sum += ${read(inner, ravel(inner, plane, place, w.x))};`));
    write(scope, index, wrap(dtype, `sum / ${scalarOf(dtype)}(${divisor(scope, w, call.attrs, given, at)})`));
  });
  return [out];
};

export const avgPoolBackward: Kernel<"avgPoolBackward"> = (engine, call) => {
  const [gradient] = views(call) as [CellView];
  const { shape, dtype } = call.outputs[0]!;
  const { program, given } = averaging("avgPoolBackward", dtype, call.attrs);
  const read = bound(engine, program, gradient);
  const w = windows(program, shape, gradient.shape, call.attrs);
  const out: Cell = engine.allocate(dtype, sizeOf(shape));
  const write = program.write(whole(out));
  forEach(engine, program, sizeOf(shape), (scope, index) => {
    const [plane, ...at] = unravel(scope, index, [w.planes, ...w.x]) as [string, ...string[]];
    scope.line(`var sum = ${scalarOf(dtype)}(0);`);
    nest(scope, "k", w.kernel, (loop, k) => {
      // The output whose window has this pixel under this tap, if the stride meets it.
      const shifted = at.map((i, d) => loop.let(`${i} + ${w.padding[d]} - ${k[d]} * ${w.dilation[d]}`));
      const from = shifted.map((i, d) => loop.let(`${i} / ${w.stride[d]}`));
      const meets = shifted.map((i, d) => `${i} == ${from[d]} * ${w.stride[d]}`);
      loop.block(`if (${[...meets, inside(from, w.out)].join(" && ")})`, (inner) => {
        const share = `${scalarOf(dtype)}(${divisor(inner, w, call.attrs, given, from)})`;
        inner.line(`sum += ${read(inner, ravel(inner, plane, from, w.out))} / ${share};`);
      });
    });
    write(scope, index, wrap(dtype, "sum"));
  });
  return [out];
};
