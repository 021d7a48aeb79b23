/** Runs the op cases on a backend and compares with the reference: in three layouts of memory, written fresh and in place. */
import { type DType, dtypes, type TypedArray } from "../dtype.ts";
import { decode } from "../host.ts";
import { apply, applyAll, applyInPlace } from "../ops/apply.ts";
import { emptyLike, fromArray } from "../ops/creation.ts";
import { type Attrs, binaryOps, type FusedOp, type KernelOp, unaryOps } from "../ops/table.ts";
import { philox } from "../random.ts";
import { getBackend } from "../registry.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type InputSpec, opCases } from "./cases.ts";
import { channelwise } from "./reference/channels.ts";
import { softmaxes } from "./reference/fold.ts";

/** How an input lies in memory: row-major, transposed, or every second element of something larger. */
export type Layout = "contiguous" | "transposed" | "strided";

export interface BackendCase {
  readonly op: KernelOp | FusedOp;
  readonly name: string;
  /** @throws Error that names the element, what the device gave and what the reference gives */
  readonly check: () => Promise<void>;
}

export interface CheckOptions {
  /** Allowed error: absolute, and relative to the reference. Default 1e-5. */
  readonly tolerance?: number;
}

/** One check per case and layout, for a device that runs beside a registered `ReferenceBackend` ("reference"). */
export function backendCases(device: string, { tolerance = 1e-5 }: CheckOptions = {}): BackendCase[] {
  const ops = (Object.keys(opCases) as (KernelOp | FusedOp)[]).filter((op) => !isLeftOut(op, device));
  return ops.flatMap((op) =>
    opCases[op].flatMap((row, i) =>
      layoutsFor(row.inputs).map((layout) => ({
        op,
        name: `${op} #${i} ${layout}`,
        check: () => compare(op, row.inputs, row.attrs as Attrs<typeof op>, layout, device, tolerance),
      })),
    ),
  );
}

const optional: ReadonlySet<string> = new Set(["nonzero", "maskedSelect", "runs", "shuffle", "extremes"]);

/** Optional kernels may be left to their parts. */
function isLeftOut(op: KernelOp | FusedOp, device: string): boolean {
  const isOptional = op in softmaxes || op in channelwise || optional.has(op);
  return isOptional && !getBackend(device).supports(op);
}

function layoutsFor(inputs: readonly InputSpec[]): readonly Layout[] {
  return inputs.some(({ shape }) => shape.length > 0) ? ["contiguous", "transposed", "strided"] : ["contiguous"];
}

async function compare(
  op: KernelOp | FusedOp,
  specs: readonly InputSpec[],
  attrs: Attrs<typeof op>,
  layout: Layout,
  device: string,
  tolerance: number,
): Promise<void> {
  const run = (where: string): Tensor[] => {
    const inputs = specs.map((spec, i) => arrange(spec, i, layout, where));
    return applyAll(op, inputs, attrs, where);
  };
  const [got, wanted] = [run(device), run("reference")];
  for (const [i, tensor] of wanted.entries()) await same(`${op}, output ${i}`, got[i]!, tensor, tolerance);
  if (!(op in unaryOps || op in binaryOps) || specs.length === 0) return;
  const inputs = specs.map((spec, i) => arrange(spec, i, layout, device));
  const target = emptyLike(got[0]!);
  applyInPlace(op, inputs, target, attrs);
  await same(`${op}_`, target, wanted[0]!, tolerance);
}

async function same(what: string, got: Tensor, wanted: Tensor, tolerance: number): Promise<void> {
  if (got.dtype !== wanted.dtype || String(got.shape) !== String(wanted.shape)) {
    throw new Error(`${what}: got ${got.dtype} [${got.shape}], wanted ${wanted.dtype} [${wanted.shape}]`);
  }
  const [a, b] = [await got.data(), await wanted.data()];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [Number(decode(a, i, got.dtype)), Number(decode(b, i, wanted.dtype))];
    const close = Object.is(x, y) || x === y || Math.abs(x - y) <= tolerance * (1 + Math.abs(y));
    if (!close) throw new Error(`${what}, element ${i}: got ${x}, wanted ${y}`);
  }
}

/** The input of a spec, the same values in every layout. */
export function arrange(spec: InputSpec, salt: number, layout: Layout, device: string): Tensor {
  const { shape, dtype = "float32" } = spec;
  const plain = fromArray(valuesOf(spec, salt), shape, { dtype, device });
  if (layout === "contiguous" || shape.length === 0) return plain;
  if (layout === "transposed") {
    const order = shape.map((_, d) => shape.length - 1 - d);
    return apply("copy", [plain.permute(order)]).permute(order);
  }
  const doubled = apply("cat", [plain.unsqueeze(-1), plain.unsqueeze(-1)], { dim: shape.length });
  return doubled.select(-1, 1);
}

function valuesOf({ shape, dtype = "float32", low = -2, high = 2, values }: InputSpec, salt: number): TypedArray {
  const size = sizeOf(shape);
  const whole = dtypes[dtype as DType].kind !== "float";
  const drawn =
    values ??
    Array.from({ length: size }, (_, i) => {
      const unit = philox(i, [salt, size])[0]! / 2 ** 32;
      return whole ? Math.floor(low + unit * (high - low + 1)) : low + unit * (high - low);
    });
  return dtype === "int64" ? BigInt64Array.from(drawn, BigInt) : Float64Array.from(drawn);
}
