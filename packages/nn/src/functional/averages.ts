/** Means over windows of any sizes: sums along one dimension after the other, then one division. */
import { apply, collectTaps, fromArray, type Tensor } from "@dl/tensor";

/** Where a window lies along one dimension, and as how many elements it counts. */
export interface Span {
  readonly first: number;
  readonly end: number;
  readonly length: number;
}

/** Over the last dimensions, which have a list of windows each; 16-bit floats are rounded once. */
export function averages(input: Tensor, windows: readonly (readonly Span[])[], divisor?: number | null): Tensor {
  const lead = input.ndim - windows.length;
  const isNarrow = input.dtype === "float16" || input.dtype === "bfloat16";
  // Where every element is a window of its own, nothing is added.
  const stages = windows.flatMap((spans, i) =>
    isEach(spans, input.shape[lead + i]!) ? [] : [{ dim: lead + i, taps: sumsOf(spans) }],
  );
  const x = isNarrow ? input.to("float32") : input;
  const sums = stages.length > 0 ? apply("resample", [x], { stages }) : x;
  const means = sums.div(divisor ?? areasOf(windows, sums));
  return isNarrow ? means.to(input.dtype) : means;
}

function isEach(spans: readonly Span[], size: number): boolean {
  return spans.length === size && spans.every(({ first, end }, i) => first === i && end === i + 1);
}

function sumsOf(spans: readonly Span[]) {
  const [outputs, sources]: [number[], number[]] = [[], []];
  for (const [i, { first, end }] of spans.entries()) {
    for (let k = first; k < end; k++) sources.push(k);
    for (let k = first; k < end; k++) outputs.push(i);
  }
  return collectTaps(spans.length, outputs, sources);
}

/** One number where all are the same. */
function areasOf(windows: readonly (readonly Span[])[], { dtype, device }: Tensor): Tensor | number {
  const lengths = windows.map((spans) => new Set(spans.map(({ length }) => length)));
  if (lengths.every(({ size }) => size === 1)) return lengths.reduce((area, [length]) => area * length!, 1);
  const areas = windows.reduce<number[]>(
    (all, spans) => all.flatMap((area) => spans.map(({ length }) => area * length)),
    [1],
  );
  return fromArray(
    Float64Array.from(areas),
    windows.map((spans) => spans.length),
    { dtype, device },
  );
}
