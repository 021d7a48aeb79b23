/**
 * The gradient of the input, where running the convolution backwards as a convolution would multiply many zeros: for every
 * input channel, the product of its weights and the output's gradient gives what each tap sends back; the rows of that are
 * added up in a (staged) image of the input. It goes by panels of rows, so that all stays in the caches.
 */
import { type FuncRef, i32, type Local, load, type Module, op, when } from "../wasm/emitter.ts";
import { blockBounds, packWeights, TILE_BYTES } from "./conv-forward.ts";
import { readPlan } from "./conv-plan.ts";
import { unstager } from "./conv-stage.ts";
import { at, combine, dispatch, type Element, loadScalar, min, partOf, shareOf, storeScalar } from "./element.ts";
import { packedMicro } from "./gemm-kernels.ts";
import { packer } from "./packer.ts";
import { tilesFor } from "./tiles.ts";

const productParams = ["plan", "a", "b", "c", "pixels", "pitch"] as const;

/** The rows of one product times `pixels` neighbouring pixels of all output channels, packed; results `pitch` bytes apart. */
function tapProduct(m: Module, e: Element, rows: readonly number[]): FuncRef<typeof productParams, undefined> {
  const { vectors } = tilesFor(m.options).wide;
  const micros = rows.map((row) => [row, packedMicro(m, e, { rows: row, vectors })] as const);
  const width = vectors * e.lanes;
  return m.inner("tapProduct", productParams, (f, q) => {
    const p = readPlan(f, q.plan, "outputs", "blockCount", "blockRows", "blockExtra");
    const [x, b] = [f.local("i32"), f.local("i32")];
    const panel = f.let(op("i32.mul", p.outputs, width * e.bytes));
    f.range(p.blockCount, (number) => {
      const block = blockBounds(f, number, p);
      const aEnd = f.let(at(q.a, op("i32.mul", block.rows, p.outputs), e.bytes));
      f.set(b, q.b);
      dispatch(
        f,
        block.rows,
        micros.map(([row, micro]) => {
          const tiles = (): void => {
            f.for(x, 0, q.pixels, width, () => {
              f.call(micro, q.a, aEnd, b, at(q.c, x, e.bytes), q.pitch, i32(0), i32(0));
              f.inc(b, panel);
            });
          };
          return [row, tiles];
        }),
      );
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

/** `input`: units are images, by group, in `splits` parts of the products. `panelRows` rows of pixels are done at a time. */
export function buildInput(m: Module, e: Element): void {
  const { wide } = tilesFor(m.options);
  const rows = Array.from({ length: wide.rows }, (_, i) => i + 1);
  const width = wide.vectors * e.lanes;
  packWeights(m, e, rows);
  const multiply = tapProduct(m, e, rows);
  const pack = packer(m, e, width);
  const add = scatter(m, e);
  const unstage = unstager(m, e);
  const params = ["chunk", "chunks", "plan", "together", "splits", "panelRows", "dy", "w", "dx"] as const;
  m.func("input", params, (f, q) => {
    const names = ["batch", "groups", "channels", "outputs", "rowCount", "rowLength", "tapCount", "staged"] as const;
    const p = readPlan(f, q.plan, ...names, "plane", "xImage", "xChannel", "yImage", "yChannel", "yRow");
    const weights = f.let(op("i32.mul", op("i32.mul", op("i32.mul", p.outputs, p.tapCount), q.together), e.bytes));
    const products = f.let(op("i32.div_u", p.channels, q.together));
    const row = f.local("i32");
    const [number, channel, from] = [f.local("i32"), f.local("i32"), f.local("i32")];
    // The scratch area: a product and the packed gradients, rows of both padded to whole tiles; then the staged image.
    const product = f.let(op("i32.add", m.scratch(), TILE_BYTES));
    const roundUp = (pixels: Local<"i32">) =>
      op("i32.mul", op("i32.and", op("i32.add", pixels, width - 1), -width), e.bytes);
    const panelBytes = f.let(roundUp(f.let(op("i32.mul", q.panelRows, p.rowLength))));
    const packed = f.let(at(product, op("i32.mul", p.tapCount, q.together), panelBytes));
    const staged = f.let(at(packed, p.outputs, panelBytes));
    const planeStep = f.let(when(p.staged, p.plane, p.xChannel));
    shareOf(f, q, op("i32.mul", op("i32.mul", p.batch, p.groups), q.splits), (unit) => {
      const split = f.let(op("i32.rem_u", unit, q.splits));
      const rest = f.let(op("i32.div_u", unit, q.splits));
      const group = f.let(op("i32.rem_u", rest, p.groups));
      const image = f.let(op("i32.div_u", rest, p.groups));
      const [first, end] = partOf(f, products, split, q.splits);
      const count = f.let(op("i32.mul", op("i32.sub", end, first), q.together));
      const firstChannel = at(op("i32.mul", group, p.channels), first, q.together);
      const dx = f.let(at(at(q.dx, image, p.xImage), firstChannel, p.xChannel));
      const dy = f.let(at(at(q.dy, image, p.yImage), op("i32.mul", group, p.outputs), p.yChannel));
      const planes = f.let(when(p.staged, staged, dx));
      f.fill(planes, 0, op("i32.mul", count, planeStep));
      f.for(row, 0, p.rowCount, q.panelRows, () => {
        const height = min(f, op("i32.sub", p.rowCount, row), q.panelRows);
        const pixels = f.let(op("i32.mul", height, p.rowLength));
        const pitch = f.let(roundUp(pixels));
        f.call(pack, packed, at(dy, row, p.yRow), pixels, p.outputs, i32(e.bytes), p.yChannel);
        f.set(channel, planes);
        f.for(number, first, end, 1, () => {
          const a = at(q.w, at(number, group, products), weights);
          f.call(multiply, q.plan, a, packed, product, pixels, pitch);
          f.set(from, product);
          f.range(q.together, () => {
            f.call(add, q.plan, from, pitch, channel, row, height);
            f.set(from, at(from, p.tapCount, pitch));
            f.inc(channel, planeStep);
          });
        });
      });
      f.if(p.staged, () => f.call(unstage, q.plan, dx, staged, count, i32(0)));
    });
  });
}
