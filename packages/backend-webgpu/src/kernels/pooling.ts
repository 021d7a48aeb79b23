/** Max pooling: an invocation an output; backwards one a plane, so that nothing is added at once. */
import { type PoolAttrs, type Shape, sizeOf } from "@dl/tensor";
import type { CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { whole } from "../layout.ts";
import { Program, type Reader } from "../program.ts";
import { inside, nest, ravel, unravel } from "../wgsl/places.ts";
import type { Scope } from "../wgsl/scope.ts";
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
  readonly adaptive: boolean;
}

function windows(program: Program, x: Shape, out: Shape, attrs: PoolAttrs): Windows {
  const rank = attrs.kernel.length;
  const all = (list: Shape): string[] => list.map((value) => program.word(value));
  program.note(`${rank} ${attrs.adaptive ? "adaptive" : ""}`);
  return {
    planes: program.word(sizeOf(x.slice(0, -rank))),
    x: all(x.slice(-rank)),
    out: all(out.slice(-rank)),
    kernel: all(attrs.kernel),
    stride: all(attrs.stride),
    padding: all(attrs.padding),
    dilation: all(attrs.dilation),
    adaptive: attrs.adaptive !== undefined,
  };
}

/** Binds a view that is read several times. */
function bound(engine: Engine, program: Program, view: CellView): Reader {
  engine.materialize(view.cell);
  return program.read(view, view.cell.dtype);
}

/** Visits the elements of the window of an output place that lie inside the picture. */
function eachTap(
  scope: Scope,
  w: Windows,
  at: readonly string[],
  body: (inner: Scope, place: readonly string[]) => void,
): void {
  const start = at.map((i, d) =>
    scope.let(w.adaptive ? `${i} * ${w.x[d]} / ${w.out[d]}` : `${i} * ${w.stride[d]} - ${w.padding[d]}`),
  );
  const end = (i: string, d: number): string => `((${i} + 1u) * ${w.x[d]} + ${w.out[d]} - 1u) / ${w.out[d]}`;
  const extents = w.adaptive ? at.map((i, d) => scope.let(`${end(i, d)} - ${start[d]}`)) : w.kernel;
  nest(scope, "k", extents, (loop, k) => {
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
  engine.each(program, sizeOf(shape), (scope, index) => {
    const [plane, ...at] = unravel(scope, index, [w.planes, ...w.out]);
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
  const [pixels, windows_] = program.words(sizeOf(shape.slice(2)), sizeOf(gradient.shape.slice(2)));
  engine.each(program, planes, (scope, plane) => {
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
