/**
 * Tensors as text, PyTorch's character for character (dtypes without the `torch.` prefix).
 * @see https://github.com/pytorch/pytorch/blob/v1.13.0/torch/_tensor_str.py for the rules that are reproduced
 */
import { type DType, isFloat } from "./dtype.ts";
import { fail } from "./errors.ts";
import { decode } from "./host.ts";
import { exponential, fixed } from "./numerals.ts";
import { peek } from "./ops/reading.ts";
import { type Shape, stridesOf } from "./shape.ts";
import { state } from "./state.ts";
import type { Tensor } from "./tensor.ts";

export interface PrintOptions {
  /** Digits after the point. */
  readonly precision: number;
  /** Above so many elements only the edges are shown. */
  readonly threshold: number;
  /** Elements at each end of a shortened dimension. */
  readonly edgeitems: number;
  readonly linewidth: number;
  /** Scientific notation always, never, or (`null`) where the range asks for it. */
  readonly sciMode: boolean | null;
}

const profiles = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80, sciMode: null },
  full: { precision: 4, threshold: Number.POSITIVE_INFINITY, edgeitems: 3, linewidth: 80, sciMode: null },
} as const satisfies Record<string, PrintOptions>;

let options: PrintOptions = profiles.default;

/** Changes how tensors print. A profile sets all options first; `sciMode` is `null` unless given. @see https://pytorch.org/docs/stable/generated/torch.set_printoptions.html */
export function setPrintOptions(changes: Partial<PrintOptions> & { readonly profile?: keyof typeof profiles }): void {
  const { profile, ...rest } = changes;
  if (profile && !Object.hasOwn(profiles, profile)) {
    fail("setPrintOptions", `unknown profile "${profile}"`, `Use ${Object.keys(profiles).join(", ")}`);
  }
  options = { ...(profile ? profiles[profile] : options), sciMode: null, ...rest };
}

/** What {@link setPrintOptions} set. */
export function getPrintOptions(): PrintOptions {
  return options;
}

/** `tensor([[1, 2],\n        [3, 4]])`. A tensor that this host cannot read at once shows its shape only. */
export function formatTensor(input: Tensor): string {
  const indent = "tensor(".length;
  const body = input.backend.readSync ? elements(input, indent) : "...";
  return `tensor(${withSuffixes(body, suffixes(input), indent)})`;
}

function elements(input: Tensor, indent: number): string {
  if (input.numel() === 0) return "[]";
  const raw = peek(input, "toString");
  const shorten = input.numel() > options.threshold;
  const page: Page = { shape: input.shape, steps: stridesOf(input.shape), shorten };
  const read = (index: number): number => Number(decode(raw, index, input.dtype));
  const cell = formatter(input.dtype, shown(page, 0, 0), read, (index) => String(decode(raw, index, input.dtype)));
  return nested(page, 0, 0, indent, cell);
}

interface Page {
  readonly shape: Shape;
  readonly steps: Shape;
  readonly shorten: boolean;
}

/** Positions of a dimension that are shown, with `null` for the dots. */
function positions({ shape, shorten }: Page, dim: number): (number | null)[] {
  const size = shape[dim]!;
  const { edgeitems } = options;
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  if (!shorten || size <= 2 * edgeitems) return range(0, size);
  return [...range(0, edgeitems), null, ...range(size - edgeitems, size)];
}

/** Flat indices of all elements shown: they decide the common width. */
function shown(page: Page, dim: number, start: number): number[] {
  if (dim === page.shape.length) return [start];
  return positions(page, dim).flatMap((i) => (i === null ? [] : shown(page, dim + 1, start + i * page.steps[dim]!)));
}

interface Cell {
  readonly width: number;
  show(index: number): string;
}

function nested(page: Page, dim: number, start: number, indent: number, cell: Cell): string {
  const left = page.shape.length - dim;
  if (left === 0) return cell.show(start);
  if (left === 1) return vector(page, dim, start, indent, cell);
  const rows = positions(page, dim).map((i) =>
    i === null ? "..." : nested(page, dim + 1, start + i * page.steps[dim]!, indent + 1, cell),
  );
  return `[${rows.join(`,${"\n".repeat(left - 1)}${" ".repeat(indent + 1)}`)}]`;
}

function vector(page: Page, dim: number, start: number, indent: number, cell: Cell): string {
  const items = positions(page, dim).map((i) => (i === null ? " ..." : cell.show(start + i)));
  const perLine = Math.max(1, Math.floor((options.linewidth - indent) / (cell.width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}

function formatter(
  dtype: DType,
  indices: readonly number[],
  read: (index: number) => number,
  text: (index: number) => string,
): Cell {
  const show = isFloat(dtype) ? floatText(indices.map(read)) : undefined;
  const plain = dtype === "bool" ? (index: number) => (read(index) ? "True" : "False") : text;
  const spell = show ? (index: number) => show.spell(read(index)) : plain;
  const width = show ? show.width : Math.max(...indices.map((index) => plain(index).length));
  return { width, show: (index) => spell(index).padStart(width) };
}

/** Whole numbers, decimals or powers of ten: one way for all elements. */
function floatText(values: readonly number[]): { readonly width: number; readonly spell: (value: number) => string } {
  const { precision, sciMode } = options;
  const finite = values.filter((value) => Number.isFinite(value) && value !== 0);
  const sizes = finite.map(Math.abs);
  const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
  const whole = finite.every(Number.isInteger);
  const wide = finite.length > 0 && (high / low > 1000 || high > 1e8 || (!whole && low < 1e-4));
  const natural = wide ? exponential : whole ? (value: number) => `${fixed(value, 0)}.` : fixed;
  const width = Math.max(1, ...finite.map((value) => natural(value, precision).length));
  const chosen = finite.length > 0 && sciMode !== null ? sciMode : wide;
  const spell = (value: number): string => {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    if (chosen) return exponential(value, precision);
    return whole ? `${fixed(value, 0)}.` : fixed(value, precision);
  };
  return { width, spell };
}

function suffixes(input: Tensor): string[] {
  const { dtype, device, shape } = input;
  const out: string[] = [];
  if (device !== "cpu") out.push(`device='${device}'`);
  const vanished = input.numel() === 0;
  if (vanished && shape.length !== 1) out.push(`size=(${shape.join(", ")})`);
  const usual = dtype === state.defaultDType || (!vanished && (dtype === "int64" || dtype === "bool"));
  if (!usual) out.push(`dtype=${dtype}`);
  if (input.gradFn) out.push(`grad_fn=<${input.gradFn.label ?? input.gradFn.name}>`);
  else if (input.requiresGrad) out.push("requires_grad=True");
  return out;
}

function withSuffixes(body: string, parts: readonly string[], indent: number): string {
  let text = body;
  const lines = body.lastIndexOf("\n");
  let last = (lines < 0 ? indent : 0) + body.length - lines + 1;
  for (const part of parts) {
    // Lines break where PyTorch's do, with its longer name of a dtype.
    const length = part.length + (part.startsWith("dtype=") ? "torch.".length : 0);
    const breaks = last + length + 2 > options.linewidth;
    text += breaks ? `,\n${" ".repeat(indent)}${part}` : `, ${part}`;
    last = breaks ? indent + length : last + length + 2;
  }
  return text;
}
