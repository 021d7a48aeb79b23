/**
 * Convolution and its two gradients as products by tiles: one factor is a matrix in memory, the other a formula that
 * says which pixel an element is (zero outside the picture). Groups are the batches of the product.
 */
import { sizeOf } from "@dl/tensor";
import type { CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import type { Program, Reader } from "../program.ts";
import { inside, ravel, unravel } from "../wgsl/places.ts";
import type { Scope } from "../wgsl/scope.ts";
import { counts, type Numbers, numbersOf, pixel, type Shapes } from "./convolution-numbers.ts";
import { type Product, plus, product } from "./gemm.ts";
import { type Kernel, views } from "./kernel.ts";

export const conv: Kernel<"conv"> = (engine, call) => {
  const [x, weight, bias] = views(call) as [CellView, CellView, CellView | undefined];
  const { shape, dtype } = call.outputs[0]!;
  const shapes = { x: x.shape, weight: weight.shape, out: shape, attrs: call.attrs };
  const result = product(engine, { dtype, ...forward(engine, x, weight, shapes) });
  return [bias ? plus(engine, result, bias, { shape, dtype }, 1) : result];
};

export const convInput: Kernel<"convInput"> = (engine, call) => {
  const [gradient, weight] = views(call) as [CellView, CellView];
  const { attrs, outputs } = call;
  const shapes = { x: attrs.inputShape, weight: weight.shape, out: gradient.shape, attrs };
  return [product(engine, { dtype: outputs[0]!.dtype, ...toInput(engine, gradient, weight, shapes) })];
};

export const convWeight: Kernel<"convWeight"> = (engine, call) => {
  const [gradient, x] = views(call) as [CellView, CellView];
  const { attrs, outputs } = call;
  const shapes = { x: x.shape, weight: attrs.weightShape, out: gradient.shape, attrs };
  return [product(engine, { dtype: outputs[0]!.dtype, ...toWeight(engine, gradient, x, shapes) })];
};

type Task = Omit<Product, "dtype">;
type Factors = ReturnType<Product["factors"]>;

/** out[g O', n p] = Σ weight[g O', c k] x[n, g c, p at k] */
function forward(engine: Engine, x: CellView, weight: CellView, shapes: Shapes): Task {
  const { groups, positions, window, channels, features } = counts(shapes);
  return {
    key: `conv ${shapes.x.length}`,
    batch: groups,
    rows: features,
    columns: shapes.x[0]! * positions,
    depth: channels * window,
    deep: [true, false],
    factors: (program) =>
      forwardFactors(numbersOf(program, shapes), flat(engine, program, weight), flat(engine, program, x)),
    place: (program) => pictures(program, groups, features, positions),
  };
}

function forwardFactors(w: Numbers, weight: Reader, x: Reader): Factors {
  return {
    a: (_, group) => (scope, row, k) => {
      const feature = scope.let(`${group} * ${w.features} + ${row}`);
      return weight(scope, scope.let(`${feature} * (${w.channels} * ${w.window}) + ${k}`));
    },
    b: (_, group) => (scope, k, column) => {
      const [image, ...at] = unravel(scope, column, [w.images, ...w.out]);
      const [channel, ...tap] = unravel(scope, k, [w.channels, ...w.kernel]);
      return pixel(scope, x, w, image, `(${group} * ${w.channels} + ${channel})`, at, tap);
    },
  };
}

/** x'[g c, n i] = Σ weight[g O', c k] gradient[n, g O', the output whose tap k is i] */
function toInput(engine: Engine, gradient: CellView, weight: CellView, shapes: Shapes): Task {
  const { groups, window, channels, features } = counts(shapes);
  const pixels = sizeOf(shapes.x.slice(2));
  return {
    key: `convInput ${shapes.x.length}`,
    batch: groups,
    rows: channels,
    columns: shapes.x[0]! * pixels,
    depth: features * window,
    deep: [true, false],
    factors: (program) =>
      inputFactors(numbersOf(program, shapes), flat(engine, program, weight), flat(engine, program, gradient)),
    place: (program) => pictures(program, groups, channels, pixels),
  };
}

function inputFactors(w: Numbers, weight: Reader, gradient: Reader): Factors {
  return {
    a: (_, group) => (scope, row, k) => {
      const feature = scope.let(`${group} * ${w.features} + ${k} / ${w.window}`);
      return weight(scope, scope.let(`(${feature} * ${w.channels} + ${row}) * ${w.window} + ${k} % ${w.window}`));
    },
    b: (_, group) => (scope, k, column) => {
      const [image, ...at] = unravel(scope, column, [w.images, ...w.x]);
      const [feature, ...tap] = unravel(scope, k, [w.features, ...w.kernel]);
      const { from, found } = output(scope, w, at, tap);
      const channel = `(${image} * ${w.groups} + ${group}) * ${w.features} + ${feature}`;
      const value = gradient(scope, ravel(scope, scope.let(channel), from, w.out));
      return scope.let(`select(${w.zero}, ${value}, ${found})`);
    },
  };
}

/** The output place whose window has the pixel `at` under a tap, and whether the stride meets it. */
function output(
  scope: Scope,
  w: Numbers,
  at: readonly string[],
  tap: readonly string[],
): { readonly from: readonly string[]; readonly found: string } {
  const shifted = at.map((i, d) => scope.let(`${i} + ${w.padding[d]} - ${tap[d]} * ${w.dilation[d]}`));
  const from = shifted.map((i, d) => scope.let(`${i} / ${w.stride[d]}`));
  const meets = shifted.map((i, d) => `${i} == ${from[d]} * ${w.stride[d]}`);
  return { from, found: [...meets, inside(from, w.out)].join(" && ") };
}

/** weight'[g O', c k] = Σ gradient[n, g O', p] x[n, g c, p at k] */
function toWeight(engine: Engine, gradient: CellView, x: CellView, shapes: Shapes): Task {
  const { groups, positions, window, channels, features } = counts(shapes);
  return {
    key: `convWeight ${shapes.x.length}`,
    batch: groups,
    rows: features,
    columns: channels * window,
    depth: shapes.x[0]! * positions,
    deep: [true, true],
    factors: (program) =>
      weightFactors(numbersOf(program, shapes), flat(engine, program, gradient), flat(engine, program, x)),
    place: (program) => {
      const [rows, columns] = program.words(features, channels * window);
      return (scope, group, row, column) => scope.let(`(${group} * ${rows} + ${row}) * ${columns} + ${column}`);
    },
  };
}

function weightFactors(w: Numbers, gradient: Reader, x: Reader): Factors {
  return {
    a: (_, group) => (scope, row, k) => {
      const [image, ...at] = unravel(scope, k, [w.images, ...w.out]);
      const feature = scope.let(`(${image} * ${w.groups} + ${group}) * ${w.features} + ${row}`);
      return gradient(scope, ravel(scope, feature, at, w.out));
    },
    b: (_, group) => (scope, k, column) => {
      const [image, ...at] = unravel(scope, k, [w.images, ...w.out]);
      const [channel, ...tap] = unravel(scope, column, [w.channels, ...w.kernel]);
      return pixel(scope, x, w, image, `(${group} * ${w.channels} + ${channel})`, at, tap);
    },
  };
}

/** Reads by the row-major index of the whole view; the elements are read often, so they must be in memory. */
function flat(engine: Engine, program: Program, view: CellView): Reader {
  engine.materialize(view.cell);
  return program.read(view, view.cell.dtype);
}

/** [group, channel, image and position] in a tensor of [image, group and channel, position]. */
function pictures(program: Program, groups: number, channels: number, positions: number): ReturnType<Product["place"]> {
  const [g, c, p] = program.words(groups, channels, positions);
  return (scope, group, row, column) => {
    const channel = scope.let(`(${column} / ${p} * ${g} + ${group}) * ${c} + ${row}`);
    return scope.let(`${channel} * ${p} + ${column} % ${p}`);
  };
}
