/**
 * Launches element-wise formulas: picks the loop by how the operands lie, compiles it on first use, and splits long work
 * between threads. A call on a few contiguous elements must cost next to nothing, so nothing is allocated on that way.
 */
import { type DType, dtypes, encode, isContiguous, type KernelInput, type Shape } from "@dl/tensor";
import type { Kernel as WasmKernel } from "../runtime/engine.ts";
import { engine, heap, memory, threads } from "../runtime/index.ts";
import type { CpuStorage } from "../storage.ts";
import type { Node } from "./expression.ts";
import { type Formula, formulaOf, type Pattern } from "./formula.ts";
import type { Place } from "./kernel.ts";
import { buildElementwise } from "./loops.ts";
import { MOST_OPERANDS, walk } from "./plan.ts";
import { areHalves, buildLookups, isLong, Tabulated } from "./tabulated.ts";

/** Elements times nodes below which a second thread does not pay. */
const PARALLEL_WORK = 2 ** 18;
const PARALLEL_ELEMENTS = 2 ** 14;
/**
 * Work is cut into so many chunks for each thread, which bounds the wait for the last one, of at least `LEAST`
 * elements.
 */
const PIECES = 16;
const LEAST = 2 ** 11;
/** The index of the variant for a single input that is read in reverse. */
const REVERSED = 3;
/**
 * Where kernels read the numbers among their operands: first those of a call, then those of formulas in
 * `look-through.ts`.
 */
const numbers = memory.allocate(8 * 2 * MOST_OPERANDS);
/** The addresses of the operands of the call that is being launched, the output last. */
const addresses = new (heap.wide ? Float64Array : Int32Array)(MOST_OPERANDS);

let made = 0;

interface Variant {
  readonly key: string;
  readonly flat: WasmKernel;
  readonly rows: WasmKernel;
}

/** One formula for operands of given dtypes, and the loops compiled for it so far. */
export class Elementwise {
  readonly name: string;
  /** Unique in this process; a short name for cache keys. */
  readonly id: number = made++;
  readonly inputs: readonly DType[];
  readonly output: DType;
  /** Builds the tree of the result from the trees of the decoded inputs. */
  readonly build: (...xs: Node[]) => Node;
  /** Bytes of an element of each operand, the output last. */
  readonly #bytes: readonly number[];
  /**
   * Compiled loops by memory pattern. Bit i of the index says that input i is one repeated element; behind all such
   * combinations follow the variant for arbitrary strides and the one for a single input in reverse.
   */
  readonly #variants: (Variant | undefined)[];
  #formula: Formula | undefined;
  #tabulated: Tabulated | null | undefined;

  constructor(name: string, inputs: readonly DType[], output: DType, build: (...xs: Node[]) => Node) {
    this.name = name;
    this.inputs = inputs;
    this.output = output;
    this.#bytes = [...inputs, output].map((dtype) => dtypes[dtype].bytes);
    this.build = build;
    this.#variants = new Array<undefined>(2 ** inputs.length + 2).fill(undefined);
  }

  get formula(): Formula {
    return (this.#formula ??= formulaOf(this.inputs, this.output, this.build));
  }

  /** Computes `out` from inputs that are expanded to its shape. */
  launch(inputs: readonly KernelInput[], out: Place): void {
    const { shape } = out;
    let count = 1;
    for (let dim = 0; dim < shape.length; dim++) count *= shape[dim]!;
    if (count === 0) return;
    let repeated = 0;
    let simple = out.strides === undefined || isContiguous(shape, out.strides);
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i]!;
      if (typeof x === "number") {
        addresses[i] = putNumber(i, this.inputs[i]!, x);
        repeated |= 1 << i;
      } else {
        addresses[i] = (x.storage as CpuStorage).block.address + x.offset * this.#bytes[i]!;
        const layout = layoutOf(shape, x.strides);
        if (layout === REPEATED) repeated |= 1 << i;
        else if (layout === STRIDED) simple = false;
      }
    }
    addresses[inputs.length] = out.address;
    if (simple) {
      if (count < PARALLEL_ELEMENTS || !this.#lookUp(inputs, count, repeated)) this.#launchFlat(count, repeated);
    } else this.#launchRows(inputs, out, count);
  }

  /** Computes `count` contiguous elements at addresses, for kernels that walk over rows themselves. */
  run(inputs: readonly number[], out: number, count: number): void {
    for (let i = 0; i < inputs.length; i++) addresses[i] = inputs[i]!;
    addresses[inputs.length] = out;
    if (count > 0) this.#launchFlat(count, 0);
  }

  /**
   * For functions of one 16-bit tensor: writes results from a table, if there is one by now. Returns whether it did.
   */
  #lookUp(inputs: readonly KernelInput[], count: number, repeated: number): boolean {
    const at = inputs.findIndex((x) => typeof x !== "number");
    if (!areHalves(this.inputs[at], this.output) || repeated & (1 << at)) return false;
    const numbers = inputs.filter((x) => typeof x === "number");
    if (numbers.length !== inputs.length - 1) return false;
    if (this.#tabulated === undefined) this.#tabulated = isLong(this.formula) ? new Tabulated() : null;
    const [from, to] = [addresses[at]!, addresses[inputs.length]!];
    const table = this.#tabulated?.of(count, numbers, (all, results, length) => {
      addresses[at] = all;
      addresses[inputs.length] = results;
      this.#launchFlat(length, repeated);
    });
    if (table === undefined) return false;
    engine.module("tabulated", buildLookups);
    this.#shareRun("tabulated", count, [table, from, to]);
    return true;
  }

  #launchFlat(count: number, repeated: number): void {
    const { flat, key } = this.#variants[repeated] ?? this.#compile(repeated);
    const operands = this.#bytes.length;
    if (count >= PARALLEL_ELEMENTS && this.#worthThreads(count)) {
      this.#shareRun(key, count, [...addresses.subarray(0, operands)]);
    } else if (operands === 2) flat(addresses[0]!, addresses[1]!, count);
    else if (operands === 3) flat(addresses[0]!, addresses[1]!, addresses[2]!, count);
    else if (operands === 4) flat(addresses[0]!, addresses[1]!, addresses[2]!, addresses[3]!, count);
    else flat(...addresses.subarray(0, operands), count);
  }

  #shareRun(key: string, count: number, operands: readonly number[]): void {
    const per = (Math.ceil(Math.max(LEAST, count / (PIECES * threads.count))) + 63) & ~63;
    threads.parallel(key, "flatTask", Math.ceil(count / per), [per, count, ...operands]);
  }

  #launchRows(inputs: readonly KernelInput[], out: Place, count: number): void {
    walk.start(out.shape, this.#bytes.length);
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i]!;
      walk.operand(i, typeof x === "number" ? "repeated" : x.strides, this.#bytes[i]!);
    }
    walk.operand(inputs.length, out.strides ?? "rowMajor", this.#bytes[inputs.length]!);
    walk.merge();
    walk.lengthen();
    const variant = this.#runPattern();
    const index = variant ?? 2 ** this.inputs.length;
    if (variant === undefined) walk.tile();
    const parallel = count >= PARALLEL_ELEMENTS && this.#worthThreads(count);
    const { key, rows } = this.#variants[index] ?? this.#compile(index);
    const total = walk.rows;
    if (parallel && total === 1) {
      const places = [...addresses.subarray(0, this.#bytes.length)];
      this.#shareRun(key, count, variant === undefined ? places.flatMap((place, k) => [place, walk.inner(k)]) : places);
      return;
    }
    const plan = walk.write(addresses);
    if (!parallel) rows(plan, 0, total);
    else {
      const per = Math.ceil(total / Math.min(total, PIECES * threads.count));
      threads.parallel(key, "rowsTask", Math.ceil(total / per), [per, total, plan]);
    }
  }

  /** The variant that fits the innermost runs of the walk; `undefined` where an operand is strided along them. */
  #runPattern(): number | undefined {
    const [x, out] = this.#bytes;
    if (this.inputs.length === 1 && walk.inner(0) === -x! && walk.inner(1) === out) return REVERSED;
    let repeated = 0;
    for (let k = 0; k < this.#bytes.length; k++) {
      const stride = walk.inner(k);
      if (stride === this.#bytes[k]) continue;
      if (stride !== 0 || k === this.inputs.length) return undefined;
      repeated |= 1 << k;
    }
    return repeated;
  }

  #worthThreads(count: number): boolean {
    return count * (this.formula.weight + 2) >= PARALLEL_WORK && threads.count > 1;
  }

  #compile(index: number): Variant {
    const strided = index === 2 ** this.inputs.length;
    const layouts = this.inputs.map((_, i) => (index & (1 << i) ? ("repeated" as const) : ("packed" as const)));
    const pattern: Pattern = strided ? "strided" : index > 2 ** this.inputs.length ? ["reversed"] : layouts;
    const key = `${this.name} ${this.inputs.join(" ")} ${index}`;
    const { flat, rows } = engine.module<"flat" | "rows">(key, (m) => buildElementwise(m, this.formula, pattern));
    return (this.#variants[index] = { key, flat, rows });
  }
}

/** Makes one {@link Elementwise} for each dtype, on first use. */
export function perDType(make: (dtype: DType) => Elementwise): (dtype: DType) => Elementwise {
  const made: { [D in DType]?: Elementwise } = {};
  return (dtype) => (made[dtype] ??= make(dtype));
}

const PACKED = 0;
const REPEATED = 1;
const STRIDED = 2;

/** How the elements of a view lie in memory when they are visited in row-major order. */
function layoutOf(shape: Shape, strides: Shape): number {
  let packed = true;
  let repeated = true;
  for (let dim = shape.length - 1, expected = 1; dim >= 0; dim--) {
    const size = shape[dim]!;
    if (size === 1) continue;
    if (strides[dim] !== expected) packed = false;
    if (strides[dim] !== 0) repeated = false;
    expected *= size;
  }
  return packed ? PACKED : repeated ? REPEATED : STRIDED;
}

/** Writes a number to `slot` as an element of `dtype`, where a kernel reads it like a tensor. Returns the address. */
export function putNumber(slot: number, dtype: DType, value: number): number {
  const address = numbers.address + 8 * slot;
  if (dtype === "float32") heap.f32[address / 4] = value;
  else if (dtype === "float64") heap.f64[address / 8] = value;
  else if (dtype === "int64") putInt64(address, value);
  else encode(new dtypes[dtype].array(heap.memory.buffer, address, 1), 0, dtype, value);
  return address;
}

/** Writes two words, which is many times faster than making a bigint. */
function putInt64(address: number, value: number): void {
  const whole = Math.trunc(value);
  heap.i32[address / 4] = whole;
  heap.i32[address / 4 + 1] = Math.floor(whole / 2 ** 32);
}
