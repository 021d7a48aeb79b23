/**
 * The plan of a convolution: numbers and tables that its kernels read from memory. A plan is written once for a shape,
 * and cached. All offsets and sizes in it are in bytes.
 */
import type { Block } from "../runtime/block.ts";
import { memory } from "../runtime/index.ts";
import { type Expr, type Func, type Local, load, op } from "../wasm/emitter.ts";
import { type Geometry, type Layout, product } from "./conv-geometry.ts";

/**
 * The tables: offsets of rows, of the taps of one channel, of the taps of all channels; and phases, three numbers each.
 */
const tableNames = ["rows", "taps", "allTaps", "phases"] as const;
type Table = (typeof tableNames)[number];

/** The numbers in the order of memory, followed by the places of the tables. */
const fieldNames = [
  // Sizes.
  "batch",
  "groups",
  "channels",
  "outputs",
  "rowCount",
  "rowLength",
  "tapCount",
  // Blocks of rows of the matrix product: `blockCount` blocks of `blockRows` rows, the first `blockExtra` with one row
  // more.
  "blockCount",
  "blockRows",
  "blockExtra",
  // Dense tensors: the distances between images, channels, planes and rows of the input (x) and the output (y).
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
  // Bands, see `Bands` in `conv-geometry.ts`.
  "bandAxis",
  "bandCount",
  "bandRows",
  "bandAdvance",
  "bandBefore",
  "bandFrame",
  "bandStep",
  "phaseCount",
  // The distance between neighbouring columns of a phase in the dense input.
  "step",
  ...tableNames,
] as const;

export type Field = (typeof fieldNames)[number];

const inTables: ReadonlySet<Field> = new Set(tableNames);

/** Fields of the plan at `plan`, each in a local. */
export function readPlan<const F extends readonly Field[]>(
  f: Func,
  plan: Expr<"i32">,
  ...names: F
): { readonly [N in F[number]]: Local<"i32"> } {
  const locals = names.map((name) => {
    const number = load("i32.load", plan, 4 * fieldNames.indexOf(name));
    return [name, f.let(inTables.has(name) ? op("i32.add", plan, number) : number)];
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
  const tables = tablesOf(geometry.channels, layout, bytes);
  const numbers: { readonly [F in Field]: number } = {
    ...sizesOf(geometry, layout, bytes),
    ...blocks,
    ...placesOf(tables),
  };
  const words = [...fieldNames.map((name) => numbers[name]), ...tableNames.flatMap((name) => tables[name])];
  const block = memory.allocate(4 * words.length);
  memory.heap.i32.set(words, block.address / 4);
  return { geometry, layout, block };
}

type Tables = { readonly [T in Table]: readonly number[] };

function tablesOf(channels: number, { rows, taps, phases, plane, tapsFirst }: Layout, bytes: number): Tables {
  const inBytes = (offsets: readonly number[]) => offsets.map((offset) => offset * bytes);
  const planes = Array.from({ length: channels }, (_, c) => c * plane);
  const ofAll = tapsFirst
    ? taps.map((tap) => planes.map((start) => start + tap))
    : planes.map((start) => taps.map((tap) => start + tap));
  // Counts stay counts.
  const ranges = phases.flatMap(({ source, target, count }) => [...inBytes([source, target]), count]);
  return { rows: inBytes(rows), taps: inBytes(taps), allTaps: inBytes(ofAll.flat()), phases: ranges };
}

/** Where the tables begin, in bytes. */
function placesOf(tables: Tables): { readonly [T in Table]: number } {
  let next = fieldNames.length;
  const places = tableNames.map((name) => {
    const start = next;
    next += tables[name].length;
    return [name, 4 * start];
  });
  return Object.fromEntries(places);
}

function sizesOf(geometry: Geometry, layout: Layout, bytes: number) {
  const { batch, input, output, channels, outputs, groups } = geometry;
  const { bands } = layout;
  const [x, y] = [product(input) * bytes, product(output) * bytes];
  return {
    ...{ batch, groups, channels, outputs },
    ...{ rowCount: layout.rows.length, rowLength: output[2], tapCount: layout.taps.length },
    ...{ xImage: groups * channels * x, xChannel: x, xPlane: x / input[0], xRow: input[2] * bytes },
    ...{ yImage: groups * outputs * y, yChannel: y, yRow: output[2] * bytes },
    ...{ staged: Number(layout.staged), plane: layout.plane * bytes },
    ...{ stagedDepth: layout.height * layout.pitch * bytes, stagedRow: layout.pitch * bytes },
    ...{ depthUsed: layout.depthUsed, heightUsed: layout.heightUsed },
    ...{ bandAxis: bands.axis, bandCount: bands.count, bandRows: bands.rows, bandAdvance: bands.advance },
    ...{ bandBefore: bands.before, bandFrame: bands.frame, bandStep: bands.step * bytes },
    ...{ phaseCount: layout.phases.length, step: geometry.stride[2] * bytes },
  };
}

const KEPT = 64;

/** Keeps what was made for the last shapes; what falls out is released. */
export class PlanCache<P extends { readonly plans: readonly { readonly block: Block }[] }> {
  readonly #kept = new Map<Geometry, P>();

  get(key: Geometry, make: () => P): P {
    const found = this.#kept.get(key);
    if (found) this.#kept.delete(key);
    else if (this.#kept.size >= KEPT) this.#dropOldest();
    const plans = found ?? make();
    this.#kept.set(key, plans);
    return plans;
  }

  #dropOldest(): void {
    const [[key, { plans }]] = [...this.#kept] as [[Geometry, P]];
    for (const { block } of plans) memory.release(block);
    this.#kept.delete(key);
  }
}
