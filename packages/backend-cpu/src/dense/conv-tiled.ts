/**
 * Winograd's tiles (`winograd.ts`) for dilated convolutions, too. Pixels that are a multiple of the dilation apart form
 * an image of their own (a *phase*), and the convolution of each phase is not dilated.
 */
import { engine, memory, threads } from "../runtime/index.ts";
import { type Expr, type Func, load, type Module, op, when } from "../wasm/emitter.ts";
import { type After, pools } from "./conv-forward.ts";
import { type Geometry, product } from "./conv-geometry.ts";
import { at, ceilDiv, type Int, min, shareOf } from "./element.ts";
import { once } from "./remember.ts";
import { convTiled, type Tensors, tilesPay, type WeightSteps } from "./winograd.ts";
import { convWeightTiled, weightTilesPay } from "./winograd-weight.ts";

/** {@link convTiled}, also for dilated convolutions. */
export function tiledForward(g: Geometry, after: After, tensors: Tensors, steps?: WeightSteps): boolean {
  const inner = innerOf(g);
  if (!inner) return convTiled(g, after, tensors, steps);
  if (pools(after) || !tilesPay(inner, after)) return false;
  return withPhases(g, inner, tensors.x, 0, (x, y) => {
    if (!convTiled(inner, after, { ...tensors, x, y }, steps)) return false;
    move("merge", y, tensors.y, phasesOf(g, inner).output);
    return true;
  });
}

/** {@link convWeightTiled}, also for dilated convolutions. */
export function tiledWeight(g: Geometry, x: number, gradient: number, w: number): boolean {
  const inner = innerOf(g);
  if (!inner) return convWeightTiled(g, x, gradient, w);
  if (!weightTilesPay(inner)) return false;
  return withPhases(g, inner, x, gradient, (x, y) => convWeightTiled(inner, x, y, w));
}

/** The convolution of the phases of a dilated one, whose padding is part of the images. `null` if it is not dilated. */
const innerOf = once((g: Geometry): Geometry | null => {
  const [deep, down, across] = g.dilation;
  const isDilated = deep === 1 && down * across > 1 && product(g.stride) === 1 && g.groups === 1;
  if (!isDilated) return null;
  const output = [g.output[0], Math.ceil(g.output[1] / down), Math.ceil(g.output[2] / across)] as const;
  const input = [g.input[0], output[1] + g.kernel[1] - 1, output[2] + g.kernel[2] - 1] as const;
  const sizes = { input, output, before: [g.before[0], 0, 0], dilation: [1, 1, 1] } as const;
  return { ...g, ...sizes, batch: g.batch * down * across };
});

/** The parameters of the kernels: how images of `planes` planes are split into phases. */
const sizeNames = [
  ...(["images", "planes", "down", "across", "height", "width", "rows", "columns", "above", "left"] as const),
] as const;
type Sizes = { readonly [K in (typeof sizeNames)[number]]: number };

/** How the input and the output of a dilated convolution are split into phases. */
function phasesOf(g: Geometry, inner: Geometry): { readonly input: Sizes; readonly output: Sizes } {
  const [, down, across] = g.dilation;
  const sizes = (channels: number, side: "input" | "output", above: number, left: number): Sizes => {
    const [depth, height, width] = g[side];
    const [, rows, columns] = inner[side];
    return { images: g.batch, planes: channels * depth, down, across, height, width, rows, columns, above, left };
  };
  return { input: sizes(g.channels, "input", g.before[1], g.before[2]), output: sizes(g.outputs, "output", 0, 0) };
}

const bytesOf = ({ images, planes, down, across, rows, columns }: Sizes): number =>
  4 * images * planes * down * across * rows * columns;

/**
 * Splits the input into phases, and the output's gradient if there is one, and runs `run` with their addresses. Without
 * a gradient `y` is room for the phases of the output.
 */
function withPhases(
  g: Geometry,
  inner: Geometry,
  x: number,
  gradient: number,
  run: (x: number, y: number) => boolean,
): boolean {
  const { input, output } = phasesOf(g, inner);
  const bytes = bytesOf(input) + bytesOf(output);
  if (bytes > MOST_BYTES) return false;
  const block = memory.allocate(bytes);
  try {
    const y = block.address + bytesOf(input);
    move("split", block.address, x, input);
    if (gradient) move("split", y, gradient, output);
    return run(block.address, y);
  } finally {
    memory.release(block);
  }
}

const MAX_CHUNKS = 256;
/** The most bytes that phases may take. */
const MOST_BYTES = 2 ** 29;

function move(name: "split" | "merge", phases: number, whole: number, sizes: Sizes): void {
  engine.module("conv:phases", buildPhases);
  const chunks = Math.min(MAX_CHUNKS, sizes.images * sizes.planes);
  threads.parallel("conv:phases", name, chunks, [phases, whole, ...sizeNames.map((size) => sizes[size])]);
}

/** Exports `split`, which writes the phases of images, including padding, and `merge`, the way back. */
function buildPhases(m: Module): void {
  for (const name of ["split", "merge"] as const) {
    m.func(name, ["chunk", "chunks", "phases", "whole", ...sizeNames], (f, p) => {
      const phaseBytes = f.let(op("i32.mul", op("i32.mul", p.rows, p.columns), 4));
      const all = f.let(op("i32.mul", p.down, p.across));
      const step = f.let(op("i32.shl", p.across, 2));
      const [row, y] = [f.local("i32"), f.local("i32")];
      shareOf(f, p, op("i32.mul", op("i32.mul", p.images, p.planes), all), (unit) => {
        const number = f.let(op("i32.div_u", unit, p.planes));
        const image = op("i32.mul", op("i32.div_u", number, all), p.planes);
        const plane = f.let(op("i32.add", image, op("i32.rem_u", unit, p.planes)));
        const phase = f.let(op("i32.rem_u", number, all));
        const inner = f.let(at(p.phases, unit, phaseBytes));
        const outer = f.let(at(p.whole, op("i32.mul", plane, p.height), op("i32.mul", p.width, 4)));
        // Which columns of the phase lie inside the image.
        const outside = f.let(op("i32.sub", p.left, op("i32.rem_u", phase, p.across)));
        const skipped = f.let(when(op("i32.gt_s", outside, 0), ceilDiv(outside, p.across), 0));
        const firstX = f.let(op("i32.sub", op("i32.mul", skipped, p.across), outside));
        const inside = f.let(op("i32.sub", op("i32.add", p.width, op("i32.sub", p.across, 1)), firstX));
        const count = min(f, op("i32.div_s", inside, p.across), op("i32.sub", p.columns, skipped));
        if (name === "split") f.fill(inner, 0, phaseBytes);
        f.set(y, op("i32.sub", op("i32.div_u", phase, p.across), p.above));
        f.for(row, 0, p.rows, 1, () => {
          f.if(op("i32.lt_u", y, p.height), () => {
            const line = at(at(outer, op("i32.mul", y, p.width), 4), firstX, 4);
            copyLine(f, name, at(at(inner, op("i32.mul", row, p.columns), 4), skipped, 4), line, count, step);
          });
          f.inc(y, p.down);
        });
      });
    });
  }
}

/** Copies elements that lie side by side in a phase, and `step` bytes apart in the image; or back. */
function copyLine(
  f: Func,
  name: "split" | "merge",
  phase: Expr<"i32">,
  whole: Expr<"i32">,
  count: Int,
  step: Int,
): void {
  const [inner, outer, rest] = [f.let(phase), f.let(whole), f.let(count)];
  for (const unrolled of [4, 1]) {
    f.while(op("i32.ge_s", rest, unrolled), () => {
      for (let i = 0; i < unrolled; i++) {
        if (name === "split") f.store("f32.store", inner, load("f32.load", outer), 4 * i);
        else f.store("f32.store", outer, load("f32.load", inner, 4 * i));
        f.inc(outer, step);
      }
      f.inc(inner, 4 * unrolled);
      f.inc(rest, -unrolled);
    });
  }
}
