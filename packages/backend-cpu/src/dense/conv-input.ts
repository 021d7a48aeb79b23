/**
 * The gradient of the input, where running the convolution backwards as a convolution would multiply many zeros: for every
 * input channel, the product of its weights and the output's gradient gives what each tap sends back; the rows of that are
 * added up in a (staged) image of the input. It goes by panels of rows, so that all stays in the caches.
 */
import { type FuncRef, i32, type Local, load, type Module, op, when } from "../wasm/emitter.ts";
import { blockBounds, TILE_BYTES } from "./conv-forward.ts";
import { readPlan } from "./conv-plan.ts";
import { unstager } from "./conv-stage.ts";
import { at, combine, dispatch, type Element, loadScalar, min, shareOf, storeScalar } from "./element.ts";
import { packer } from "./gemm-kernels.ts";
import { type Tile, tilesFor } from "./tiles.ts";

const microParams = ["a", "aEnd", "b", "bRow", "c", "cRow"] as const;

/** C[rows × vectors] = A · B, A packed, B as it lies. */
function stridedMicro(m: Module, e: Element, { rows, vectors }: Tile): FuncRef<typeof microParams, undefined> {
  return m.inner(`strided${rows}x${vectors}`, microParams, (f, p) => {
    const sums = f.locals("v128", rows * vectors);
    const row = f.locals("v128", vectors);
    const factor = f.local("v128");
    f.while(op("i32.ne", p.a, p.aEnd), () => {
      for (const [j, vector] of row.entries()) f.set(vector, load("v128.load", p.b, 16 * j));
      for (let i = 0; i < rows; i++) {
        f.set(factor, load(e.loadSplat, p.a, i * e.bytes));
        for (const [j, vector] of row.entries()) {
          const sum = sums[i * vectors + j]!;
          f.set(sum, f.madd(e.shape, factor, vector, sum));
        }
      }
      f.inc(p.a, rows * e.bytes);
      f.inc(p.b, p.bRow);
    });
    for (const [s, sum] of sums.entries()) {
      f.store("v128.store", p.c, sum, 16 * (s % vectors));
      if (s % vectors === vectors - 1) f.inc(p.c, p.cRow);
    }
  });
}

/** `packTaps`: for every input channel and block of taps, the weights of one output channel after the other. */
function packTaps(m: Module, e: Element, rows: readonly number[]): void {
  const packers = rows.map((row) => [row, packer(m, e, row)] as const);
  m.func("packTaps", ["chunk", "chunks", "plan", "w", "packed"], (f, q) => {
    const names = ["groups", "channels", "outputs", "tapCount", "blockCount", "blockRows", "blockExtra"] as const;
    const p = readPlan(f, q.plan, ...names);
    const taps = f.let(op("i32.mul", p.tapCount, e.bytes));
    const line = f.let(op("i32.mul", taps, p.channels));
    shareOf(f, q, op("i32.mul", p.groups, p.channels), (unit) => {
      const group = op("i32.div_u", unit, p.channels);
      const source = f.let(at(at(q.w, op("i32.mul", group, p.outputs), line), op("i32.rem_u", unit, p.channels), taps));
      const target = f.let(at(q.packed, op("i32.mul", unit, p.outputs), taps));
      f.range(p.blockCount, (number) => {
        const block = blockBounds(f, number, p);
        dispatch(
          f,
          block.rows,
          packers.map(([row, pack]) => {
            return [row, () => f.call(pack, target, source, i32(row), p.outputs, i32(e.bytes), line)];
          }),
        );
        f.set(source, at(source, block.rows, e.bytes));
        f.set(target, at(target, op("i32.mul", block.rows, p.outputs), e.bytes));
      });
    });
  });
}

const productParams = ["plan", "a", "b", "c", "pixels", "pitch"] as const;

/** All taps of one input channel times `pixels` neighbouring pixels of all output channels; rows `pitch` bytes apart. */
function tapProduct(m: Module, e: Element, rows: readonly number[]): FuncRef<typeof productParams, undefined> {
  const { vectors } = tilesFor(m.options).wide;
  const micros = rows.map((row) => [row, stridedMicro(m, e, { rows: row, vectors })] as const);
  const width = vectors * e.lanes;
  return m.inner("tapProduct", productParams, (f, q) => {
    const p = readPlan(f, q.plan, "outputs", "yChannel", "blockCount", "blockRows", "blockExtra");
    const x = f.local("i32");
    f.range(p.blockCount, (number) => {
      const block = blockBounds(f, number, p);
      const aEnd = f.let(at(q.a, op("i32.mul", block.rows, p.outputs), e.bytes));
      dispatch(
        f,
        block.rows,
        micros.map(([row, micro]) => {
          return [
            row,
            () => {
              f.for(x, 0, q.pixels, width, () => {
                f.call(micro, q.a, aEnd, at(q.b, x, e.bytes), p.yChannel, at(q.c, x, e.bytes), q.pitch);
              });
            },
          ];
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

/** `input`: units are images, by group. `panelRows` rows of pixels are done at a time. */
export function buildInput(m: Module, e: Element): void {
  const { wide } = tilesFor(m.options);
  const rows = Array.from({ length: wide.rows }, (_, i) => i + 1);
  packTaps(m, e, rows);
  const multiply = tapProduct(m, e, rows);
  const add = scatter(m, e);
  const unstage = unstager(m, e);
  const params = ["chunk", "chunks", "plan", "panelRows", "dy", "w", "dx"] as const;
  m.func("input", params, (f, q) => {
    const names = ["batch", "groups", "channels", "outputs", "rowCount", "rowLength", "tapCount", "staged"] as const;
    const p = readPlan(f, q.plan, ...names, "plane", "xImage", "xChannel", "yImage", "yChannel", "yRow");
    const channelWeights = f.let(op("i32.mul", op("i32.mul", p.outputs, p.tapCount), e.bytes));
    const row = f.local("i32");
    const product = f.let(op("i32.add", m.scratch(), TILE_BYTES));
    // Rows of the product are padded to whole tiles.
    const roundUp = (pixels: Local<"i32">) => {
      const width = wide.vectors * e.lanes;
      return op("i32.mul", op("i32.and", op("i32.add", pixels, width - 1), -width), e.bytes);
    };
    const panelPixels = f.let(op("i32.mul", q.panelRows, p.rowLength));
    const staged = f.let(at(product, p.tapCount, roundUp(panelPixels)));
    const planeStep = f.let(when(p.staged, p.plane, p.xChannel));
    shareOf(f, q, op("i32.mul", p.batch, p.groups), (unit) => {
      const group = f.let(op("i32.rem_u", unit, p.groups));
      const image = f.let(op("i32.div_u", unit, p.groups));
      const firstChannel = f.let(op("i32.mul", group, p.channels));
      const dx = f.let(at(at(q.dx, image, p.xImage), firstChannel, p.xChannel));
      const dy = f.let(at(at(q.dy, image, p.yImage), op("i32.mul", group, p.outputs), p.yChannel));
      const planes = f.let(when(p.staged, staged, dx));
      f.fill(planes, 0, op("i32.mul", p.channels, planeStep));
      f.for(row, 0, p.rowCount, q.panelRows, () => {
        const count = min(f, op("i32.sub", p.rowCount, row), q.panelRows);
        const pixels = f.let(op("i32.mul", count, p.rowLength));
        const pitch = f.let(roundUp(pixels));
        f.range(p.channels, (channel) => {
          const a = at(q.w, op("i32.add", firstChannel, channel), channelWeights);
          f.call(multiply, q.plan, a, at(dy, row, p.yRow), product, pixels, pitch);
          f.call(add, q.plan, product, pitch, at(planes, channel, planeStep), row, count);
        });
      });
      f.if(p.staged, () => f.call(unstage, q.plan, dx, staged, p.channels));
    });
  });
}
