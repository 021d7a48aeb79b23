/**
 * Random numbers as vectors: blocks of Philox-4x32-10, four to a vector; a word becomes a number of 24 bits, two of them one of
 * 53. Bit for bit what `philox` of the core says.
 */
import type { Attrs, DType } from "@dl/tensor";
import { type Expr, extract, type Func, type Local, type Module, op, shuffle, splat, v128 } from "../wasm/emitter.ts";
import { access, storePacked, storeScalar } from "./access.ts";
import { add, convert, input, mul, type Node, shrUnsigned, sqrt, sub } from "./expression.ts";
import { Tools } from "./helpers.ts";
import { lanesOf } from "./lanes.ts";
import { Lowering } from "./lower.ts";
import { sineAndCosine } from "./trigonometry32.ts";
import { unary } from "./unary.ts";

type Distribution = Attrs<"random">["distribution"];
type Vector = Local<"v128">;

const ROUNDS = 10;
const multipliers = [0xd2511f53, 0xcd9e8d57].map((x) => x | 0);
const weyl = [0x9e3779b9, 0xbb67ae85].map((x) => x | 0);
const params = ["chunk", "chunks", "per", "target", "bytes", "low", "high", "key0", "key1"] as const;

const GROUPS = 2;
/** Words that one step gives. */
export const WORDS: number = 16 * GROUPS;

/** Exports `fill`: a chunk is `per` steps, of `bytes` bytes in all chunks together. Needs 4 · WORDS bytes of scratch. */
export function buildRandom(m: Module, dtype: DType, distribution: Distribution): void {
  const size = WORDS * (dtype === "float64" ? 4 : access[dtype].bytes);
  const group = addGroup(m, dtype, distribution);
  m.func("fill", params, (f, p) => {
    const scratch = f.let(m.scratch());
    const first = f.let(op("i32.mul", p.chunk, p.per));
    const at = f.let(op("i32.mul", first, size));
    const counter = f.let(
      op("i64.add", joined(p.low, p.high), op("i64.extend_i32_u", op("i32.mul", first, 4 * GROUPS))),
    );
    f.range(p.per, () => {
      f.if(op("i32.ge_u", at, p.bytes), () => f.return());
      const left = f.let(op("i32.sub", p.bytes, at));
      const target = f.let(op("i32.add", p.target, at));
      f.if(
        op("i32.ge_u", left, size),
        () => f.call(group, target, counter, p.key0, p.key1),
        () => {
          f.call(group, scratch, counter, p.key0, p.key1);
          f.copy(target, scratch, left);
        },
      );
      f.inc(at, size);
      f.set(counter, op("i64.add", counter, 4 * GROUPS));
    });
  });
}

/** What one step gives. */
function addGroup(m: Module, dtype: DType, distribution: Distribution) {
  const trees = treesOf(dtype, distribution);
  const tools = new Tools(m, [trees.uniform, trees.encode, ...trees.normals]);
  const writeNumbers = dtype === "float64" ? writeDoubles : writeSingles(dtype);
  const write = distribution === "words" ? writeWords : writeNumbers;
  return m.inner("group", ["target", "counter:i64", "key0", "key1"], (f, p) => {
    write(f, blocks(f, p.counter, p.key0, p.key1), p.target, distribution, trees, tools);
  });
}

function joined(low: Expr<"i32">, high: Expr<"i32">): Expr<"i64"> {
  return op("i64.or", op("i64.extend_i32_u", low), op("i64.shl", op("i64.extend_i32_u", high), 32));
}

/** The words of `4 · GROUPS` blocks from number `counter` on, in order. Two groups at once hide each other's latencies. */
function blocks(f: Func, counter: Local<"i64">, key0: Local<"i32">, key1: Local<"i32">): Vector[] {
  const groups = Array.from({ length: GROUPS }, (_, group) => countersFrom(f, counter, BigInt(4 * group)));
  const keys = [key0, key1].map((key) => f.let(op("i32x4.splat", key))) as [Vector, Vector];
  f.range(ROUNDS, () => {
    for (const [c0, c1, c2, c3] of groups) {
      const [high0, low0] = product(f, c0, multipliers[0]!);
      const [high1, low1] = product(f, c2, multipliers[1]!);
      f.set(c0, op("v128.xor", op("v128.xor", high1, c1), keys[0]));
      f.set(c2, op("v128.xor", op("v128.xor", high0, c3), keys[1]));
      f.set(c1, low1);
      f.set(c3, low0);
    }
    for (const [i, key] of keys.entries()) f.set(key, op("i32x4.add", key, splat("i32x4", weyl[i]!)));
  });
  return groups.flatMap(([a, b, c, d]) => transposed(f, a, b, c, d));
}

/** Four blocks' counters, a vector for each of their words. */
function countersFrom(f: Func, counter: Local<"i64">, first: bigint): [Vector, Vector, Vector, Vector] {
  const pair = (from: bigint): Vector =>
    f.let(op("i64x2.add", op("i64x2.splat", counter), v128(new BigInt64Array([from, from + 1n]))));
  const [a, b] = [pair(first), pair(first + 2n)];
  const words = [f.let(shuffle(a, b, [0, 2, 4, 6])), f.let(shuffle(a, b, [1, 3, 5, 7]))] as const;
  return [...words, f.let(splat("i32x4", 0)), f.let(splat("i32x4", 0))];
}

/** The high and low words of products without sign. */
function product(f: Func, x: Vector, factor: number): [Vector, Vector] {
  const y = f.let(splat("i32x4", factor));
  const low = op("i64x2.extmul_low_i32x4_u", x, y);
  const high = op("i64x2.extmul_high_i32x4_u", x, y);
  return [f.let(shuffle(low, high, [1, 3, 5, 7])), f.let(op("i32x4.mul", x, y))];
}

function transposed(f: Func, a: Vector, b: Vector, c: Vector, d: Vector): Vector[] {
  const halves = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ];
  const [t0, t1, t2, t3] = halves.flatMap((order) => [f.let(shuffle(a, b, order)), f.let(shuffle(c, d, order))]);
  const rows = (x: Vector, y: Vector): Vector[] =>
    [
      [0, 1, 4, 5],
      [2, 3, 6, 7],
    ].map((order) => f.let(shuffle(x, y, order)));
  return [...rows(t0!, t1!), ...rows(t2!, t3!)];
}

interface Trees {
  /** From words to [0, 1). */
  readonly uniform: Node;
  readonly encode: Node;
  /** From two uniform numbers to two normal ones (Box and Muller), if such are wanted. */
  readonly normals: readonly Node[];
}

function treesOf(dtype: DType, distribution: Distribution): Trees {
  const isWide = dtype === "float64";
  const type = isWide ? "f64" : "f32";
  const encode = isWide ? input(0, type) : access[dtype].encode(input(0, type));
  return { uniform: isWide ? uniform64 : uniform32, encode, normals: distribution === "normal" ? normalsOf(type) : [] };
}

const uniform32 = mul(convert(shrUnsigned(input(0, "i32"), 8), "f32"), 2 ** -24);
const uniform64 = mul(
  add(mul(convert(shrUnsigned(input(0, "i32"), 5), "f64"), 2 ** 26), convert(shrUnsigned(input(1, "i32"), 6), "f64")),
  2 ** -53,
);

function normalsOf(type: "f32" | "f64"): Node[] {
  const [a, b] = [input(0, type), input(1, type)];
  const dtype = type === "f32" ? "float32" : "float64";
  const radius = sqrt(mul(unary.log(sub(1, a), dtype), -2));
  const angle = mul(b, 2 * Math.PI);
  const { cosine, sine } =
    type === "f32" ? sineAndCosine(angle) : { cosine: unary.cos(angle, dtype), sine: unary.sin(angle, dtype) };
  return [mul(radius, cosine), mul(radius, sine)];
}

type Write = (
  f: Func,
  words: readonly Vector[],
  target: Local<"i32">,
  distribution: Distribution,
  trees: Trees,
  tools: Tools,
) => void;

const writeWords: Write = (f, words, target) => {
  for (const [i, row] of words.entries()) f.store("v128.store", target, row, 16 * i);
};

function writeSingles(dtype: DType): Write {
  return (f, words, target, distribution, trees, tools) => {
    const run = (roots: readonly Node[], ...inputs: readonly Expr[]): Vector[] =>
      new Lowering(f, roots, lanesOf(...roots), tools).emit(roots, inputs).map((x) => f.let(x as Expr<"v128">));
    const pairs = Array.from({ length: words.length / 2 }, (_, i) => 2 * i);
    const uniform = words.map((vector) => run([trees.uniform], vector)[0]!);
    const numbers = distribution === "uniform" ? uniform : pairs.flatMap(normals);
    numbers.forEach((vector, i) => {
      storePacked(f, access[dtype], 4, target, run([trees.encode], vector)[0]!, i * 4 * access[dtype].bytes);
    });

    function normals(first: number): Vector[] {
      const [x, y] = [uniform[first]!, uniform[first + 1]!];
      const [a, b] = [f.let(shuffle(x, y, [0, 2, 4, 6])), f.let(shuffle(x, y, [1, 3, 5, 7]))];
      const [even, odd] = run(trees.normals, a, b) as [Vector, Vector];
      return [f.let(shuffle(even, odd, [0, 4, 1, 5])), f.let(shuffle(even, odd, [2, 6, 3, 7]))];
    }
  };
}

const writeDoubles: Write = (f, words, target, distribution, { uniform: tree, normals }, tools) => {
  words.forEach((row, i) => {
    const [first, second] = [f.let(shuffle(row, row, [0, 2, 0, 2])), f.let(shuffle(row, row, [1, 3, 1, 3]))];
    const vector = new Lowering(f, [tree], 2, tools).emit([tree], [first, second])[0];
    const uniform = f.let(vector as Expr<"v128">);
    if (distribution === "uniform") f.store("v128.store", target, uniform, 16 * i);
    else {
      const [a, b] = [0, 1].map((lane) => f.let(extract("f64x2.extract_lane", uniform, lane))) as [Local, Local];
      const pair = new Lowering(f, normals, "scalar", tools).emit(normals, [a, b]);
      for (const [k, value] of pair.entries()) {
        storeScalar(f, access.float64, op("i32.add", target, 16 * i + 8 * k), value);
      }
    }
  });
};
