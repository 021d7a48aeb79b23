/** Sorting by lines of one dimension: stable, NaN largest. */
import { type ArrayKernel, type ArrayView, axisOf, elements, putIndex, wordsOf } from "./array-kernel.ts";

/** Numbers of a line in ascending order; `a - b` does not tell infinities apart. */
function ascending(line: Float64Array): (a: number, b: number) => number {
  return (a, b) => {
    const [x, y] = [line[a]!, line[b]!];
    if (x < y) return -1;
    if (x > y) return 1;
    if (x === y) return a - b;
    return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
  };
}

function descending(line: Float64Array): (a: number, b: number) => number {
  const up = ascending(line);
  // Equal elements keep their order in both directions.
  return (a, b) => (Object.is(line[a], line[b]) || line[a] === line[b] ? a - b : up(b, a));
}

function sortLines(
  x: ArrayView,
  dim: number,
  down: boolean,
  keep: number,
  values: ArrayView,
  indices: ArrayView,
): void {
  const { outer, size, inner } = axisOf(x.shape, dim);
  const [from, to, words] = [elements(x), elements(values), wordsOf(indices)];
  const line = new Float64Array(size);
  const order = new Uint32Array(size);
  const compare = down ? descending(line) : ascending(line);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const start = o * size * inner + j;
      for (let i = 0; i < size; i++) {
        line[i] = Number(from[start + i * inner]);
        order[i] = i;
      }
      order.sort(compare);
      for (let i = 0; i < keep; i++) {
        const place = (o * keep + i) * inner + j;
        to[place] = from[start + order[i]! * inner]!;
        putIndex(words, place, order[i]!);
      }
    }
  }
}

export const sort: ArrayKernel<"sort"> = ([x], { dim, descending: down }, [values, indices]) => {
  sortLines(x!, dim, down, x!.shape[dim] ?? 1, values!, indices!);
};

export const topk: ArrayKernel<"topk"> = ([x], { dim, k, largest }, [values, indices]) => {
  sortLines(x!, dim, largest, x!.shape.length === 0 ? 1 : k, values!, indices!);
};
