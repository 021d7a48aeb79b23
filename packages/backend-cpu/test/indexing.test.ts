import { type DType, type KernelCall, manualSeed, ones, rand, randint, type Tensor, tensor, zeros } from "@dl/tensor";
import { afterEach, describe, expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/index.ts";
import { bytes } from "./long.ts";
import { agree, outputsOf, plainView, type Spec } from "./oracle.ts";

const threads = getNumThreads();
afterEach(() => setNumThreads(threads));

const dtypes: readonly DType[] = ["float32", "float64", "int64", "int8", "bool"];
const below = (size: number, shape: readonly number[]): Spec =>
  plainView(shape, "int64", 7, (random) => Math.floor(random() * size));

/** Enough elements for threads, in tables that are long, wide and deep. */
const tables = [
  { shape: [300, 130], dim: 0 },
  { shape: [300, 131], dim: 1 },
  { shape: [20, 30, 50], dim: 1 },
  { shape: [40000], dim: 0 },
  { shape: [9000, 3], dim: 0 },
];

describe.each(tables)("along $dim of $shape", ({ shape, dim }) => {
  const size = shape[dim]!;
  const rows = below(size, [2 * size]);
  const wide = shape.with(dim, 2 * size);

  test.each(dtypes)("rows of %s", (dtype) => {
    const [x, source] = [plainView(shape, dtype), plainView(wide, dtype, 3)];
    agree("indexSelect", [x, rows], { dim }, [{ shape: wide, dtype }]);
    agree("indexAdd", [x, rows, source], { dim }, [{ shape, dtype }]);
    agree("indexCopy", [x, rows, source], { dim }, [{ shape, dtype }]);
  });

  test.each(dtypes)("elements of %s", (dtype) => {
    const [x, source, index] = [plainView(shape, dtype), plainView(wide, dtype, 3), below(size, wide)];
    agree("gather", [x, index], { dim }, [{ shape: wide, dtype }]);
    for (const reduce of ["replace", "amax"]) {
      agree("scatter", [x, index, source], { dim, reduce, includeSelf: false }, [{ shape, dtype }]);
    }
  });

  test("sums do not depend on the number of threads", () => {
    const fractions = (size: readonly number[]): Spec => plainView(size, "float32", 5, (random) => random() - 0.5);
    const calls: readonly (readonly [KernelCall["op"], readonly Spec[], object])[] = [
      ["scatter", [fractions(shape), below(size, wide), fractions(wide)], { dim, reduce: "add", includeSelf: true }],
      ["indexAdd", [fractions(shape), rows, fractions(wide)], { dim }],
    ];
    for (const [op, inputs, attrs] of calls) {
      const [alone, together] = [1, 4].map((count) => {
        setNumThreads(count);
        return outputsOf(op, inputs, attrs, [{ shape, dtype: "float32" }])[0];
      });
      expect(together).toEqual(alone);
    }
  });
});

/** Lines of one value, short and long ones, too few for threads, and in front. */
const blanks = [
  { shape: [3000, 100], count: 1, dim: 1 },
  { shape: [5, 7], count: 1, dim: 1 },
  { shape: [90, 30], count: 4, dim: 1 },
  { shape: [60, 700], count: 3, dim: 1 },
  { shape: [300, 200], count: 2, dim: 0 },
  { shape: [4, 90, 30], count: 5, dim: 1 },
  { shape: [1], count: 1, dim: 0 },
];
test.each(blanks)("one number stands for a table: $count along $dim of $shape", ({ shape, count, dim }) => {
  const some = shape.with(dim, count);
  const index = below(shape[dim]!, some);
  for (const dtype of ["float32", "float16", "int64", "bool"] as const) {
    const [source, rows] = [plainView(some, dtype, 3), below(shape[dim]!, [count])];
    for (const value of [0, -0, 1]) {
      const self: Spec = { ...plainView([], dtype, 1, () => value), shape, strides: shape.map(() => 0) };
      const outputs = [{ shape, dtype }];
      for (const reduce of ["replace", "add", "amax"]) {
        for (const includeSelf of [true, false])
          agree("scatter", [self, index, source], { dim, reduce, includeSelf }, outputs);
      }
      agree("indexAdd", [self, rows, source], { dim }, outputs);
      agree("indexCopy", [self, rows, source], { dim }, outputs);
    }
  }
});

test.each(["float32", "int8"] as const)("rows of %s of any width", (dtype) => {
  const rows = below(5, [9]);
  for (let width = 1; width <= 150; width++) {
    const [x, source] = [plainView([5, width], dtype), plainView([9, width], dtype, 3)];
    agree("indexSelect", [x, rows], { dim: 0 }, [{ shape: [9, width], dtype }]);
    agree("indexAdd", [x, rows, source], { dim: 0 }, [{ shape: [5, width], dtype }]);
    agree("indexCopy", [x, rows, source], { dim: 0 }, [{ shape: [5, width], dtype }]);
  }
});

test.each([1, 2])("long copies and long rows go in pieces, on %i threads", (count) => {
  setNumThreads(count);
  const [rows, width] = [5, 140_003];
  const x = randint(-1000, 1000, [rows, width], { dtype: "float32" });
  const row = (at: number): Buffer => bytes(x.narrow(0, at, 1));
  const whole = x.reshape(-1).narrow(0, 1, rows * width - 1);
  expect(bytes(whole.clone()).equals(bytes(whole))).toBe(true);
  const order = [4, 0, 4];
  expect(bytes(x.indexSelect(0, tensor(order))).equals(Buffer.concat(order.map(row)))).toBe(true);
  expect(bytes(x.flip(0)).equals(Buffer.concat([4, 3, 2, 1, 0].map(row)))).toBe(true);
});

test.each([-1, 5, 2 ** 32, 2 ** 31])("the index %d is outside, wherever it stands", (wrong) => {
  const [shape, wide] = [
    [5, 4000],
    [9, 4000],
  ];
  const x = plainView(shape, "float32");
  const spoiled = (index: Spec, at: number): Spec => ({ ...index, values: index.values.with(at, wrong) });
  const [rows, elements] = [spoiled(below(5, [9]), 8), spoiled(below(5, wide), 35_999)];
  const message = `index ${wrong} is out of range for dimension 0 of size 5`;
  const output = [{ shape: wide, dtype: "float32" }] as const;
  expect(() => outputsOf("indexSelect", [x, rows], { dim: 0 }, output)).toThrow(`indexSelect: ${message}`);
  expect(() => outputsOf("gather", [x, elements], { dim: 0 }, output)).toThrow(`gather: ${message}`);
  const source = plainView(wide, "float32");
  const attrs = { dim: 0, reduce: "add", includeSelf: true };
  const target = [{ shape, dtype: "float32" }] as const;
  expect(() => outputsOf("indexAdd", [x, rows, source], { dim: 0 }, target)).toThrow(`indexAdd: ${message}`);
  expect(() => outputsOf("scatter", [x, elements, source], attrs, target)).toThrow(`scatter: ${message}`);
});

test("indices that reach a corner of the tensor alone", () => {
  const [x, index] = [plainView([6, 5, 4], "float32"), below(5, [3, 7, 2])];
  agree("gather", [x, index], { dim: 1 }, [{ shape: [3, 7, 2], dtype: "float32" }]);
  const attrs = { dim: 1, reduce: "add", includeSelf: true };
  agree("scatter", [x, index, plainView([3, 7, 2], "float32")], attrs, [{ shape: [6, 5, 4], dtype: "float32" }]);
});

test.each(["float32", "float16", "int64"] as const)("a tensor of %s that begins as one number, or turned", (dtype) => {
  const [rows, source] = [below(6, [9]), plainView([9, 4], dtype)];
  const lone = { shape: [6, 4], dtype, strides: [0, 0], offset: 0, values: [2] };
  const turned = { ...plainView([4, 6], dtype), shape: [6, 4], strides: [1, 6] };
  for (const self of [lone, turned]) {
    agree("indexAdd", [self, rows, source], { dim: 0 }, [{ shape: [6, 4], dtype }]);
    agree("indexCopy", [self, rows, source], { dim: 0 }, [{ shape: [6, 4], dtype }]);
    const attrs = { dim: 0, reduce: "add", includeSelf: false };
    agree("scatter", [self, below(6, [9, 4]), source], attrs, [{ shape: [6, 4], dtype }]);
  }
});

test.each(["float32", "bfloat16", "int8"] as const)("a row of %s that is placed everywhere", (dtype) => {
  const [x, index] = [plainView([20, 30, 50], dtype), below(30, [40])];
  const shape = [20, 40, 50];
  for (const strides of [
    [50, 0, 1],
    [0, 0, 1],
    [0, 0, 0],
  ]) {
    const source = { ...plainView([20, 50], dtype, 3), shape, strides };
    agree("indexAdd", [x, index, source], { dim: 1 }, [{ shape: [20, 30, 50], dtype }]);
    agree("indexCopy", [x, index, source], { dim: 1 }, [{ shape: [20, 30, 50], dtype }]);
  }
});

test("nothing is picked and nothing is placed by no indices", () => {
  const [x, none] = [plainView([4, 3], "float32"), plainView([0], "int64")];
  agree("indexSelect", [x, none], { dim: 0 }, [{ shape: [0, 3], dtype: "float32" }]);
  agree("indexAdd", [x, none, plainView([0, 3], "float32")], { dim: 0 }, [{ shape: [4, 3], dtype: "float32" }]);
});

describe("one number at many positions", () => {
  const [size, count] = [50, 100_003];
  const one: Spec = { shape: [count], strides: [0], offset: 0, dtype: "int64", values: [3] };
  const output = [{ shape: [size], dtype: "int64" }] as const;

  test("is counted, upon what is there", () => {
    agree("indexAdd", [plainView([size], "int64"), below(size, [count]), one], { dim: 0 }, [...output]);
  });

  test("is refused outside", () => {
    const index = below(size, [count]);
    const inputs = [plainView([size], "int64"), { ...index, values: index.values.with(count - 1, size) }, one];
    expect(() => outputsOf("indexAdd", inputs, { dim: 0 }, [...output])).toThrow(`index ${size} is out of range`);
  });
});

describe("in place as out of place", () => {
  const index = (): Tensor => randint(0, 5, [6]);
  const indices = (): Tensor => randint(0, 5, [6, 3]);
  type Form = (x: Tensor, y: Tensor) => Tensor;
  const forms: readonly (readonly [name: string, inPlace: Form, copy: Form])[] = [
    ["indexAdd", (x, y) => x.indexAdd_(0, index(), y), (x, y) => x.indexAdd(0, index(), y)],
    ["indexCopy", (x, y) => x.indexCopy_(1, index(), y), (x, y) => x.indexCopy(1, index(), y)],
    ["indexPut", (x, y) => x.indexPut_([null, index()], y), (x, y) => x.indexPut([null, index()], y)],
    ["set", (x, y) => x.set_(index(), y), (x, y) => x.indexPut([index()], y)],
    ["put", (x, y) => x.put_(indices(), y.at([0, 3])), (x, y) => x.put(indices(), y.at([0, 3]))],
    ["scatter", (x, y) => x.scatter_(0, indices(), y), (x, y) => x.scatter(0, indices(), y)],
    [
      "scatterReduce",
      (x, y) => x.scatterReduce_(1, indices(), y, "mean", false),
      (x, y) => x.scatterReduce(1, indices(), y, "mean", false),
    ],
  ];
  const targets: readonly (readonly [string, (x: Tensor) => Tensor])[] = [
    ["packed", (x) => x],
    ["turned", (x) => x.t()],
    ["in columns", (x) => x.repeat(1, 2).at([], [0, 12, 2])],
  ];
  const sources: readonly (readonly [string, (x: Tensor) => Tensor])[] = [
    ["others", (x) => x.flip(0)],
    ["its own", (x) => x],
    ["its own, turned", (x) => x.t()],
  ];

  describe.each(targets)("%s", (_, lay) => {
    test.each(sources)("values are %s", (_, values) => {
      for (const [name, inPlace, copy] of forms) {
        const whole = rand([3, 6, 6]);
        const x = lay(whole.clone().at(1));
        manualSeed(3);
        const expected = copy(x, values(x)).toArray();
        manualSeed(3);
        expect(inPlace(x, values(x)), name).toBe(x);
        expect(x.toArray(), name).toEqual(expected);
      }
    });
  });

  test("nothing beside the target changes", () => {
    const whole = zeros(3, 4);
    whole.at(1).indexAdd_(0, randint(0, 4, [9]), rand(9));
    expect(whole.at([0, 3, 2]).toArray()).toEqual(zeros(2, 4).toArray());
  });
});

test("what is written in place stays as it was where a position is wrong", () => {
  const [places, source] = [tensor([0, 1, 9]), ones(3)];
  const writes: readonly ((x: Tensor) => Tensor)[] = [
    (x) => x.scatter_(0, places, source),
    (x) => x.scatterAdd_(0, places, source),
    (x) => x.scatterReduce_(0, places, source, "amax"),
    (x) => x.indexAdd_(0, places, source),
    (x) => x.indexCopy_(0, places, source),
    (x) => x.indexFill_(0, places, 1),
    (x) => x.indexPut_([places], source),
    (x) => x.put_(places, source),
    (x) => x.set_(places, 1),
  ];
  for (const write of writes) {
    const x = zeros(4);
    expect(() => write(x)).toThrow("index 9 is out of range");
    expect(x.toArray(), `${write}`).toEqual([0, 0, 0, 0]);
  }
});

test.each([-1, 4, 2 ** 31, 2 ** 32, -(2 ** 40)])(
  "nothing is written in place where %d is a position, wherever",
  (wrong) => {
    const x = zeros(4);
    for (let at = 0; at < 19; at++) {
      const places = tensor(Array.from({ length: 19 }, (_, i) => (i === at ? wrong : 3)));
      expect(() => x.scatterAdd_(0, places, ones(19))).toThrow(`index ${wrong} is out of range`);
    }
    expect(x.scatterAdd_(0, tensor([3, 0]), ones(2)).toArray()).toEqual([1, 0, 0, 1]);
  },
);
