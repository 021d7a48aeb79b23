/**
 * A convolution as its kernels read it: numbers and tables in memory, written once for a shape and kept. All offsets and
 * sizes are in bytes.
 */
import type { Block } from "../runtime/block.ts";
import { memory } from "../runtime/index.ts";
import { type Expr, type Func, type Local, load, op } from "../wasm/emitter.ts";
import { type Geometry, type Layout, product } from "./conv-geometry.ts";

/** The numbers, in order of their place in memory. */
const fieldNames = [
  // Sizes.
  "batch",
  "groups",
  "channels",
  "outputs",
  "rowCount",
  "rowLength",
  "tapCount",
  // Blocks of rows of the matrix product: there are `blockCount`, of `blockRows` rows or, the first `blockExtra`, of one more.
  "blockCount",
  "blockRows",
  "blockExtra",
  // Dense tensors: the distance between images, channels and rows of the input, and of the output.
  "xImage",
  "xChannel",
  "xPlane",
  "xRow",
  "yImage",
  "yChannel",
  "yRow",
  // The input as the kernels see it, see `Layout`.
  "staged",
  "plane",
  "stagedDepth",
  "stagedRow",
  "depthUsed",
  "heightUsed",
  // Bands, see there.
  "bandAxis",
  "bandCount",
  "bandRows",
  "bandAdvance",
  "bandBefore",
  "bandFrame",
  "bandStep",
  "phaseCount",
  // From one column of a phase to the next, in the dense input.
  "step",
  // Tables, which follow: offsets of the rows, of the taps of one channel, of the taps of all channels; phases of 3 numbers.
  "rows",
  "taps",
  "allTaps",
  "phases",
] as const;

export type Field = (typeof fieldNames)[number];

const tables: ReadonlySet<Field> = new Set(["rows", "taps", "allTaps", "phases"]);

/** Fields of the plan at `plan`, each in a local. */
export function readPlan<const F extends readonly Field[]>(
  f: Func,
  plan: Expr<"i32">,
  ...names: F
): { readonly [N in F[number]]: Local<"i32"> } {
  const locals = names.map((name) => {
    const number = load("i32.load", plan, 4 * fieldNames.indexOf(name));
    return [name, f.let(tables.has(name) ? op("i32.add", plan, number) : number)];
  });
  return Object.fromEntries(locals);
}

export interface Plan {
  readonly geometry: Geometry;
  readonly layout: Layout;
  readonly block: Block;
}

export interface Blocks {
  readonly blockCount: number;
  readonly blockRows: number;
  readonly blockExtra: number;
}

/** Blocks of nearly equal size: 32 = 6 + 6 + 5 + 5 + 5 + 5, because a block of 2 would run at a third of the speed. */
export function blocksOf(count: number, maxRows: number): Blocks {
  const blockCount = Math.ceil(count / maxRows);
  return { blockCount, blockRows: Math.floor(count / blockCount), blockExtra: count % blockCount };
}

/** Writes the plan of a layout. `bytes` is the size of an element, `blocks` how the matrix product is cut. */
export function makePlan(geometry: Geometry, layout: Layout, bytes: number, blocks: Blocks): Plan {
  const { input, output, channels, outputs, groups } = geometry;
  const { rows, taps, phases, plane, bands } = layout;
  const allTaps = Array.from({ length: channels }, (_, c) => taps.map((tap) => tap + c * plane)).flat();
  const ranges = phases.flatMap((p) => [p.source, p.target, p.count]);
  const length = fieldNames.length + rows.length + taps.length + allTaps.length + ranges.length;
  const block = memory.allocate(4 * length);
  const { i32 } = memory.heap;
  const first = block.address / 4;
  let next = fieldNames.length;
  const place = (table: readonly number[], scale: number): number => {
    const start = next;
    for (const value of table) i32[first + next++] = value * scale;
    return 4 * start;
  };
  const [x, y] = [product(input), product(output)];
  const numbers: { readonly [F in Field]: number } = {
    ...{ batch: geometry.batch, groups, channels, outputs },
    ...{ rowCount: rows.length, rowLength: output[2], tapCount: taps.length },
    ...blocks,
    ...{
      xImage: groups * channels * x * bytes,
      xChannel: x * bytes,
      xPlane: (x / input[0]) * bytes,
      xRow: input[2] * bytes,
    },
    ...{ yImage: groups * outputs * y * bytes, yChannel: y * bytes, yRow: output[2] * bytes },
    ...{ staged: Number(layout.staged), plane: plane * bytes },
    ...{ stagedDepth: layout.height * layout.pitch * bytes, stagedRow: layout.pitch * bytes },
    ...{ depthUsed: layout.depthUsed, heightUsed: layout.heightUsed },
    ...{ bandAxis: bands.axis, bandCount: bands.count, bandRows: bands.rows, bandAdvance: bands.advance },
    ...{ bandBefore: bands.before, bandFrame: bands.frame, bandStep: bands.step * bytes },
    ...{ phaseCount: phases.length, step: geometry.stride[2] * bytes },
    ...{ rows: place(rows, bytes), taps: place(taps, bytes), allTaps: place(allTaps, bytes) },
    // Counts stay counts.
    phases: place(
      ranges.map((value, i) => (i % 3 === 2 ? value : value * bytes)),
      1,
    ),
  };
  fieldNames.forEach((name, i) => {
    i32[first + i] = numbers[name];
  });
  return { geometry, layout, block };
}

const KEPT = 64;

/** Keeps what was made for the last shapes; what falls out is released. */
export class PlanCache<P extends { readonly plans: readonly { readonly block: Block }[] }> {
  readonly #kept = new Map<Geometry, P>();

  get(key: Geometry, make: () => P): P {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= KEPT && oldest !== undefined) {
      for (const plan of this.#kept.get(oldest)!.plans) memory.release(plan.block);
      this.#kept.delete(oldest);
    }
    const made = make();
    this.#kept.set(key, made);
    return made;
  }
}
