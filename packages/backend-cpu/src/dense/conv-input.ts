/**
 * The gradient of the input, for convolutions that would multiply many zeros if they were run backwards as a
 * convolution (`Geometry.backwards`). For every input channel, the matrix product of its weights and the output's
 * gradient tells what each tap sends back to the input. These rows are then added up in a (staged) image of the input.
 * The output's gradient is taken in panels of rows, so that everything stays in the caches.
 */
import { type Expr, type Func, type FuncRef, load, type Module, op, when } from "../wasm/emitter.ts";
import { TILE_BYTES } from "./conv-block.ts";
import { readPlan } from "./conv-plan.ts";
import { unstager } from "./conv-stage.ts";
import { blockBounds, packWeights } from "./conv-weights.ts";
import {
  at,
  combine,
  type Element,
  type Int,
  lastDigit,
  loadScalar,
  min,
  partOf,
  shareOf,
  storeScalar,
} from "./element.ts";
import { packedMicro } from "./gemm-kernels.ts";
import { byRows, dispatch } from "./numbered.ts";
import { packer } from "./packer.ts";
import { type Tile, tilesFor } from "./tiles.ts";

const productParams = ["plan", "a", "b", "c", "pixels", "pitch"] as const;

/** The rows of one product times `pixels` neighbouring pixels of all output channels, packed; results `pitch` bytes apart. */
function tapProduct(m: Module, e: Element, tile: Tile): FuncRef<typeof productParams, undefined> {
  const micros = byRows(tile.rows, (rows) => packedMicro(m, e, { ...tile, rows }));
  const width = tile.vectors * e.lanes;
  return m.inner("tapProduct", productParams, (f, q) => {
    const p = readPlan(f, q.plan, "outputs", "blockCount", "blockRows", "blockExtra");
    const [x, b] = [f.local("i32"), f.local("i32")];
    const panel = f.let(op("i32.mul", p.outputs, width * e.bytes));
    f.range(p.blockCount, (number) => {
      const block = blockBounds(f, number, p);
      const aEnd = f.let(at(q.a, op("i32.mul", block.rows, p.outputs), e.bytes));
      f.set(b, q.b);
      dispatch(f, block.rows, micros, (micro) => {
        f.for(x, 0, q.pixels, width, () => {
          f.call(micro, q.a, aEnd, b, at(q.c, x, e.bytes), q.pitch, 0, 0);
          f.inc(b, panel);
        });
      });
      f.set(q.a, aEnd);
      f.set(q.c, at(q.c, block.rows, q.pitch));
    });
  });
}

const scatterParams = ["plan", "product", "pitch", "plane", "firstRow", "rowCount"] as const;

/** Adds the rows of every tap to the plane of their input channel. */
function scatter(m: Module, e: Element): FuncRef<typeof scatterParams, undefined> {
  return m.inner("scatter", scatterParams, (f, q) => {
    const p = readPlan(f, q.plan, "taps", "tapCount", "rows", "rowLength");
    const from = f.local("i32");
    const to = f.local("i32");
    const rest = f.local("i32");
    const rows = f.let(at(p.rows, q.firstRow, 4));
    f.range(p.tapCount, (tap) => {
      const start = f.let(op("i32.add", q.plane, load("i32.load", at(p.taps, tap, 4))));
      f.set(from, at(q.product, tap, q.pitch));
      f.range(q.rowCount, (row) => {
        f.set(to, op("i32.add", start, load("i32.load", at(rows, row, 4))));
        f.set(rest, p.rowLength);
        f.while(op("i32.ge_s", rest, e.lanes), () => {
          f.store("v128.store", to, op(`${e.shape}.add`, load("v128.load", to), load("v128.load", from)));
          f.inc(to, 16);
          f.inc(from, 16);
          f.inc(rest, -e.lanes);
        });
        f.while(rest, () => {
          storeScalar(f, e.name, to, combine(e.name, "add", loadScalar(e.name, to), loadScalar(e.name, from)));
          f.inc(to, e.bytes);
          f.inc(from, e.bytes);
          f.inc(rest, -1);
        });
      });
    });
  });
}

const params = ["chunk", "chunks", "plan", "together", "splits", "panelRows", "dy", "w", "dx"] as const;
const fields = [
  ...(["batch", "groups", "channels", "outputs", "rowCount", "rowLength", "tapCount", "staged"] as const),
  ...(["plane", "xImage", "xChannel", "yImage", "yChannel", "yRow"] as const),
] as const;
type Locals = { readonly [K in (typeof params)[number] | (typeof fields)[number]]: Int };

/** `input`: units are images, by group, in `splits` parts of the products. `panelRows` rows of pixels are done at a time. */
export function buildInput(m: Module, e: Element): void {
  const { wide } = tilesFor(m.options);
  const width = wide.vectors * e.lanes;
  packWeights(m, e, wide.rows);
  const kernels = { multiply: tapProduct(m, e, wide), pack: packer(m, e, width), add: scatter(m, e) };
  const unstage = unstager(m, e);
  m.func("input", params, (f, q) => {
    const p = { ...q, ...readPlan(f, q.plan, ...fields) };
    const weights = f.let(op("i32.mul", op("i32.mul", op("i32.mul", p.outputs, p.tapCount), q.together), e.bytes));
    const products = f.let(op("i32.div_u", p.channels, q.together));
    const [row, number, channel, from] = f.locals("i32", 4) as [Int, Int, Int, Int];
    // The scratch area: a product and the packed gradients, rows of both padded to whole tiles; then the staged image.
    const product = f.let(op("i32.add", m.scratch(), TILE_BYTES));
    const panelBytes = f.let(rowBytes(f.let(op("i32.mul", q.panelRows, p.rowLength)), e, width));
    const packed = f.let(at(product, op("i32.mul", p.tapCount, q.together), panelBytes));
    const staged = f.let(at(packed, p.outputs, panelBytes));
    const planeStep = f.let(when(p.staged, p.plane, p.xChannel));
    const panels = { ...kernels, e, width, product, packed, weights, products, planeStep, number, channel, from };
    shareOf(f, q, op("i32.mul", op("i32.mul", p.batch, p.groups), q.splits), (number) => {
      const unit = unitOf(f, p, number, products, staged);
      f.fill(unit.planes, 0, op("i32.mul", unit.count, planeStep));
      f.for(row, 0, p.rowCount, q.panelRows, () => sendPanel(f, p, panels, unit, row));
      f.if(p.staged, () => f.call(unstage, q.plan, unit.dx, staged, unit.count, 0));
    });
  });
}

/** Of a row of so many pixels, padded to tiles of some width. */
function rowBytes(pixels: Int, e: Element, width: number): Expr<"i32"> {
  return op("i32.mul", op("i32.and", op("i32.add", pixels, width - 1), -width), e.bytes);
}

/** Some products of an image's group, and where their sums go: to `planes`. */
function unitOf(f: Func, p: Locals, number: Int, products: Int, staged: Int) {
  const [split, rest] = lastDigit(f, number, p.splits);
  const [group, image] = lastDigit(f, rest, p.groups);
  const [first, end] = partOf(f, products, split, p.splits);
  const count = f.let(op("i32.mul", op("i32.sub", end, first), p.together));
  const firstChannel = at(op("i32.mul", group, p.channels), first, p.together);
  const dx = f.let(at(at(p.dx, image, p.xImage), firstChannel, p.xChannel));
  const dy = f.let(at(at(p.dy, image, p.yImage), op("i32.mul", group, p.outputs), p.yChannel));
  return { group, first, end, count, dx, dy, planes: f.let(when(p.staged, staged, dx)) };
}

type Unit = ReturnType<typeof unitOf>;

/** What all units share. */
interface Panels {
  readonly e: Element;
  readonly width: number;
  readonly multiply: ReturnType<typeof tapProduct>;
  readonly pack: ReturnType<typeof packer>;
  readonly add: ReturnType<typeof scatter>;
  readonly packed: Int;
  readonly product: Int;
  /** How many products there are in a group, and the bytes of the weights of one. */
  readonly products: Int;
  readonly weights: Int;
  /** From one channel's sums to the next. */
  readonly planeStep: Int;
  /** The product that is done, and where it is read and added. */
  readonly number: Int;
  readonly from: Int;
  readonly channel: Int;
}

/** Sends back a panel of rows of pixels, from `row` on. */
function sendPanel(f: Func, p: Locals, panels: Panels, unit: Unit, row: Int): void {
  const { e, multiply, pack, add, packed, product, number, from, channel } = panels;
  const height = min(f, op("i32.sub", p.rowCount, row), p.panelRows);
  const pixels = f.let(op("i32.mul", height, p.rowLength));
  const pitch = f.let(rowBytes(pixels, e, panels.width));
  f.call(pack, packed, at(unit.dy, row, p.yRow), pixels, p.outputs, e.bytes, p.yChannel);
  f.set(channel, unit.planes);
  f.for(number, unit.first, unit.end, 1, () => {
    const a = at(p.w, at(number, unit.group, panels.products), panels.weights);
    f.call(multiply, p.plan, a, packed, product, pixels, pitch);
    f.set(from, product);
    f.range(p.together, () => {
      f.call(add, p.plan, from, pitch, channel, row, height);
      f.set(from, at(from, p.tapCount, pitch));
      f.inc(channel, panels.planeStep);
    });
  });
}
