import { setNumThreads } from "@dl/backend-cpu";
import { arange, fromArray, rand } from "@dl/tensor";
import { afterAll, describe, expect, it } from "vitest";

afterAll(() => setNumThreads(2));

/** Coordinates of what holds, one after the other. */
function expected(mask: Uint8Array, shape: readonly number[]): number[] {
  return [...mask].flatMap((holds, place) => {
    let rest = place;
    const at = shape.toReversed().map((size) => {
      const here = rest % size;
      rest = (rest - here) / size;
      return here;
    });
    return holds ? at.toReversed() : [];
  });
}

describe("positions of what is not zero", () => {
  const shapes = [[9], [70_001], [300, 101], [20_011, 3], [2, 20_003], [17, 1, 5, 211]];
  for (const shape of shapes) {
    it.each([0, 0.01, 0.1, 0.5, 1])(`of [${shape}] with a share of %f, whatever the number of threads`, (share) => {
      const mask = rand(shape).lt(share);
      const wanted = expected(Uint8Array.from(mask.view(-1).toArray() as number[], Number), shape);
      for (const threads of [1, 3]) {
        setNumThreads(threads);
        expect((mask.nonzero().view(-1).toArray() as number[]).join()).toBe(wanted.join());
      }
    });
  }

  it("reads masks that do not lie side by side", () => {
    const mask = fromArray(Uint8Array.of(1, 0, 0, 1, 1, 0), [2, 3], { dtype: "bool" });
    expect(mask.t().nonzero().toArray()).toEqual([
      [0, 0],
      [0, 1],
      [1, 1],
    ]);
  });
});

describe("elements where a mask holds", () => {
  for (const dtype of ["int64", "float32", "float16", "uint8"] as const) {
    it.each([0, 0.1, 0.95, 1])(`of ${dtype} with a share of %f, whatever the number of threads`, (share) => {
      const x = arange(70_001).remainder(251).to(dtype);
      const mask = rand(70_001).lt(share);
      const holds = mask.toArray() as boolean[];
      const wanted = (x.toArray() as number[]).filter((_, i) => holds[i]);
      for (const threads of [1, 3]) {
        setNumThreads(threads);
        expect((x.maskedSelect(mask).toArray() as number[]).join()).toBe(wanted.join());
      }
    });
  }
});
