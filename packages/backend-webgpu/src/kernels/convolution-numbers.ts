/** What the three products of a convolution share: its shapes, as numbers and as WGSL. */
import { type ConvAttrs, type Shape, sizeOf } from "@dl/tensor";
import type { Program, Reader } from "../program.ts";
import { inside, ravel } from "../wgsl/places.ts";
import type { Scope } from "../wgsl/scope.ts";
import type { Scalar } from "../wgsl/types.ts";

/** x [N, C, *], weight [O, C / groups, *], out [N, O, *]. */
export interface Shapes {
  readonly x: Shape;
  readonly weight: Shape;
  readonly out: Shape;
  readonly attrs: ConvAttrs;
}

type Counts = Record<"groups" | "positions" | "window" | "channels" | "features", number>;

/** Channels and features are those of one group. */
export function counts({ x, weight, out, attrs: { groups } }: Shapes): Counts {
  return {
    groups,
    positions: sizeOf(out.slice(2)),
    window: sizeOf(weight.slice(2)),
    channels: x[1]! / groups,
    features: out[1]! / groups,
  };
}

export interface Numbers
  extends Readonly<Record<"images" | "groups" | "channels" | "features" | "window" | "zero", string>> {
  readonly x: readonly string[];
  readonly out: readonly string[];
  readonly kernel: readonly string[];
  readonly stride: readonly string[];
  readonly padding: readonly string[];
  readonly dilation: readonly string[];
}

export function numbersOf(program: Program, shapes: Shapes, type: Scalar = "f32"): Numbers {
  const { x, weight, out, attrs } = shapes;
  const { groups, window, channels, features } = counts(shapes);
  const all = (list: Shape): string[] => list.map((value) => program.word(value));
  return {
    images: program.word(x[0]!),
    groups: program.word(groups),
    channels: program.word(channels),
    features: program.word(features),
    window: program.word(window),
    zero: `${type}(0)`,
    x: all(x.slice(2)),
    out: all(out.slice(2)),
    kernel: all(weight.slice(2)),
    stride: all(attrs.stride),
    padding: all(attrs.padding),
    dilation: all(attrs.dilation),
  };
}

/** The element of x that the output place `at` sees under a tap of the kernel; zero outside. */
export function pixel(
  scope: Scope,
  read: Reader,
  w: Numbers,
  image: string,
  channel: string,
  at: readonly string[],
  tap: readonly string[],
): string {
  const place = at.map((i, d) => scope.let(`${i} * ${w.stride[d]} + ${tap[d]} * ${w.dilation[d]} - ${w.padding[d]}`));
  const start = scope.let(`${image} * (${w.groups} * ${w.channels}) + ${channel}`);
  const found = read(scope, ravel(scope, start, place, w.x));
  return scope.let(`select(${w.zero}, ${found}, ${inside(place, w.x)})`);
}
