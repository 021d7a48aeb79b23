/** Convolution and pooling in any number of dimensions, by visiting every product or window. */
import type { Attrs, ConvAttrs, PoolAttrs } from "../../ops/table.ts";
import { type Shape, sizeOf, stridesOf } from "../../shape.ts";
import { coordinates, type Dense, flatIndex } from "./array.ts";

/** Calls `visit` with the flat positions of each (input, weight, output) triple of a convolution. */
function eachProduct(
  x: Shape,
  weight: Shape,
  out: Shape,
  { stride, padding, dilation, groups }: ConvAttrs,
  visit: (x: number, weight: number, out: number) => void,
): void {
  const [xs, ws] = [stridesOf(x), stridesOf(weight)];
  let o = 0;
  for (const [n, oc, ...at] of coordinates(out)) {
    const first = Math.floor(oc! / (out[1]! / groups)) * weight[1]!;
    for (const [ic, ...k] of coordinates(weight.slice(1))) {
      const place = at.map((i, d) => i * stride[d]! - padding[d]! + k[d]! * dilation[d]!);
      if (place.some((i, d) => i < 0 || i >= x[2 + d]!)) continue;
      visit(flatIndex([n!, first + ic!, ...place], xs), flatIndex([oc!, ic!, ...k], ws), o);
    }
    o++;
  }
}

export function conv(x: Dense, weight: Dense, bias: Dense | undefined, out: Shape, attrs: ConvAttrs): number[] {
  const space = sizeOf(out.slice(2));
  const data = Array.from({ length: sizeOf(out) }, (_, i) => bias?.data[Math.floor(i / space) % out[1]!] ?? 0);
  eachProduct(x.shape, weight.shape, out, attrs, (i, w, o) => {
    data[o]! += x.data[i]! * weight.data[w]!;
  });
  return data;
}

export function convInput(grad: Dense, weight: Dense, attrs: Attrs<"convInput">): number[] {
  const data = new Array<number>(sizeOf(attrs.inputShape)).fill(0);
  eachProduct(attrs.inputShape, weight.shape, grad.shape, attrs, (i, w, o) => {
    data[i]! += grad.data[o]! * weight.data[w]!;
  });
  return data;
}

export function convWeight(grad: Dense, x: Dense, attrs: Attrs<"convWeight">): number[] {
  const data = new Array<number>(sizeOf(attrs.weightShape)).fill(0);
  eachProduct(x.shape, attrs.weightShape, grad.shape, attrs, (i, w, o) => {
    data[w]! += grad.data[o]! * x.data[i]!;
  });
  return data;
}

/** Positions of a window along one dimension, in the padding too. */
function placesOf(
  d: number,
  i: number,
  size: number,
  { kernel, stride, padding, dilation, adaptive }: PoolAttrs,
): number[] {
  if (!adaptive) return Array.from({ length: kernel[d]! }, (_, k) => i * stride[d]! - padding[d]! + k * dilation[d]!);
  const start = Math.floor((i * size) / adaptive[d]!);
  return Array.from({ length: Math.ceil(((i + 1) * size) / adaptive[d]!) - start }, (_, k) => start + k);
}

/** Calls `visit` with where each output's plane begins, and the positions of its window in that plane. */
function eachWindow(x: Shape, out: Shape, attrs: PoolAttrs, visit: (plane: number, inside: number[]) => void): void {
  const rank = attrs.kernel.length;
  const space = x.slice(-rank);
  const [steps, size] = [stridesOf(space), sizeOf(space)];
  for (let plane = 0; plane < sizeOf(x); plane += size) {
    for (const at of coordinates(out.slice(-rank))) {
      const places = at.map((i, d) => placesOf(d, i, space[d]!, attrs));
      const inside = [...coordinates(places.map((list) => list.length))]
        .map((k) => k.map((i, d) => places[d]![i]!))
        .filter((place) => place.every((i, d) => i >= 0 && i < space[d]!))
        .map((place) => flatIndex(place, steps));
      visit(plane, inside);
    }
  }
}

export function maxPool(x: Dense, out: Shape, attrs: PoolAttrs): number[][] {
  const [values, indices]: [number[], number[]] = [[], []];
  eachWindow(x.shape, out, attrs, (plane, inside) => {
    let best = inside[0]!;
    for (const i of inside) {
      const [value, top] = [x.data[plane + i]!, x.data[plane + best]!];
      if (value > top || (Number.isNaN(value) && !Number.isNaN(top))) best = i;
    }
    values.push(x.data[plane + best]!);
    indices.push(best);
  });
  return [values, indices];
}

export function maxPoolBackward(grad: Dense, indices: Dense, input: Shape): number[] {
  const data = new Array<number>(sizeOf(input)).fill(0);
  const lead = input.slice(0, 2);
  const [inPlane, outPlane] = [sizeOf(input) / sizeOf(lead), grad.data.length / sizeOf(lead)];
  grad.data.forEach((g, i) => {
    data[Math.floor(i / outPlane) * inPlane + indices.data[i]!]! += g;
  });
  return data;
}
