/** Elements from one place to another, in whatever layout and dtype. */
import { type DType, dtypes, isContiguous, type View } from "@dl/tensor";
import { Elementwise, perDType } from "./elementwise.ts";
import type { Output, Place } from "./kernel.ts";
import { copyTurned, turnedPlanes } from "./turn.ts";

/** Raw elements are moved without a look at what they mean. */
const movers = {
  1: new Elementwise("copy", ["uint8"], "uint8", (x) => x!),
  2: new Elementwise("copy", ["int16"], "int16", (x) => x!),
  4: new Elementwise("copy", ["int32"], "int32", (x) => x!),
  8: new Elementwise("copy", ["int64"], "int64", (x) => x!),
} as const;
export const casts: { readonly [D in DType]: (from: DType) => Elementwise } = perTarget(
  (from, to) => new Elementwise(`cast ${to}`, [from], to, (x) => x!),
);

function perTarget(make: (from: DType, to: DType) => Elementwise): {
  readonly [D in DType]: (from: DType) => Elementwise;
} {
  const rows = (Object.keys(dtypes) as DType[]).map((to) => [to, perDType((from) => make(from, to))]);
  return Object.fromEntries(rows) as { readonly [D in DType]: (from: DType) => Elementwise };
}

const fills = perDType((dtype) => new Elementwise("full", [dtype], dtype, (x) => x!));

/** Writes one number everywhere. */
export function fill(out: Place, value: number): void {
  fills(out.dtype).launch([value], out);
}

/** Moves elements that lie side by side. */
export function copyPacked(from: number, to: number, count: number, bytes: number): void {
  movers[bytes as keyof typeof movers].run([from], to, count);
}

/** Writes the elements of a view, in whatever dtype `out` has. */
export function convert(from: View, out: Output): void {
  if (from.dtype !== out.dtype) {
    casts[out.dtype](from.dtype).launch([from], out);
    return;
  }
  const planes = isRowMajor(out) ? turnedPlanes(from) : undefined;
  if (planes) copyTurned(from, planes, out.address);
  else movers[dtypes[out.dtype].bytes as keyof typeof movers].launch([from], out);
}

function isRowMajor({ shape, strides }: Output): boolean {
  return strides === undefined || isContiguous(shape, strides);
}
