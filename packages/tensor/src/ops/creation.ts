/** Tensors from data, from a rule, or from the random generator. */
import {
  checkDType,
  type DType,
  dtypes,
  type ElementArray,
  inRange,
  isFloat,
  isWhole,
  type TypedArray,
} from "../dtype.ts";
import { fail, showShape, showValue } from "../errors.ts";
import { convert, encode, type Scalar } from "../host.ts";
import { getBackend } from "../registry.ts";
import { tidy } from "../scope.ts";
import { checkShape, type Shape, sizeOf, stridesOf } from "../shape.ts";
import { state } from "../state.ts";
import { Tensor } from "../tensor.ts";
import { applyAll } from "./apply.ts";
import { orderOf, stridesIn } from "./order.ts";
import { isOptions } from "./signature.ts";

/** A number, or lists of lists of numbers of equal lengths. */
export type Nested = Scalar | readonly Nested[];

/** The same, with rows as typed arrays. */
export type Rows = Nested | ElementArray | readonly Rows[];

export interface TensorOptions<D extends DType = DType> {
  readonly dtype?: D | undefined;
  readonly device?: string | undefined;
  readonly requiresGrad?: boolean | undefined;
}

/**
 * A tensor from nested lists, a number or a typed array. Whole numbers make int64, fractional ones and those beyond int64 the
 * default float dtype, booleans bool; JavaScript does not tell `2.0` from `2`, so give a dtype where that matters.
 * @throws TensorError for ragged lists, naming the place and both lengths; for numbers that the dtype does not have
 * @see https://pytorch.org/docs/stable/generated/torch.tensor.html
 * @example tensor([[1, 2], [3, 4]], { dtype: "float64" })
 */
export function tensor<D extends DType = DType>(
  data: Rows | Tensor,
  options: TensorOptions<D> = {},
): Tensor<NoInfer<D>> {
  if (data instanceof Tensor) return finish(data.detach().clone().to(options) as Tensor<D>, options);
  if (ArrayBuffer.isView(data)) return fromArray(data as ElementArray, [data.length], options);
  const { shape, own } = measure(data as Rows);
  const flat: Scalar[] = [];
  flatten(data as Rows, shape, 0, [], flat);
  const dtype = options.dtype ?? own ?? guess(flat);
  checkDType("tensor", dtype);
  const raw = new dtypes[dtype].array(flat.length);
  const checked = isFloat(dtype) ? flat : flat.map((value) => inRange("tensor", value, dtype));
  for (let i = 0; i < flat.length; i++) encode(raw, i, dtype, checked[i]!);
  return upload(raw, shape, dtype as D, options);
}

/**
 * {@link tensor} of lists and arrays; a tensor stays itself where nothing changes, with its history.
 * @see https://pytorch.org/docs/stable/generated/torch.as_tensor.html
 */
export function asTensor<D extends DType = DType>(
  data: Rows | Tensor,
  options: TensorOptions<D> = {},
): Tensor<NoInfer<D>> {
  return data instanceof Tensor ? (data.to(options) as Tensor<D>) : tensor(data, options);
}

/** A float32 tensor from lists or a typed array, as `torch.FloatTensor`. */
export function floatTensor(data: Rows, options: Omit<TensorOptions, "dtype"> = {}): Tensor<"float32"> {
  return tensor(data, { ...options, dtype: "float32" });
}

const byArray = new Map<unknown, DType>([
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [BigInt64Array, "int64"],
  [Int32Array, "int32"],
  [Int16Array, "int16"],
  [Int8Array, "int8"],
  [Uint8Array, "uint8"],
  [Uint8ClampedArray, "uint8"],
]);

/**
 * A tensor of `shape` from row-major elements, copied as a whole. Without a dtype the array's own; a Uint16Array holds
 * the bits of float16 or bfloat16 and needs it.
 */
export function fromArray<D extends DType = DType>(
  data: ElementArray,
  shape: Shape,
  options: TensorOptions<D> = {},
): Tensor<NoInfer<D>> {
  checkShape("fromArray", shape);
  if (sizeOf(shape) !== data.length) fail("fromArray", `${data.length} elements do not fill shape ${showShape(shape)}`);
  const own = byArray.get(data.constructor);
  const dtype =
    options.dtype ?? own ?? fail("fromArray", `cannot tell the dtype of a ${data.constructor.name}`, "Give { dtype }");
  checkDType("fromArray", dtype);
  const raw =
    data.constructor === dtypes[dtype].array ? (data as TypedArray) : convert(data as TypedArray, own ?? dtype, dtype);
  return upload(raw, shape, dtype as D, options);
}

function upload<D extends DType>(raw: TypedArray, shape: Shape, dtype: D, options: TensorOptions<D>): Tensor<D> {
  const storage = getBackend(options.device).upload(raw, dtype);
  return finish(new Tensor(storage, shape, stridesOf(shape), 0, dtype), options);
}

/** With what options say besides dtype and device. */
export function finish<D extends DType>(made: Tensor<D>, { requiresGrad }: TensorOptions<D>): Tensor<D> {
  if (requiresGrad) made.requiresGrad = true;
  return made;
}

function isList(data: unknown): data is readonly Rows[] {
  return Array.isArray(data) || byArray.has((data as object | undefined)?.constructor);
}

/** The sizes of the lists that come first, and the dtype of the innermost one where that is a typed array. */
function measure(data: Rows): { shape: number[]; own: DType | undefined } {
  const shape: number[] = [];
  let own: DType | undefined;
  for (let inner: Rows | undefined = data; isList(inner); inner = inner[0]) {
    shape.push(inner.length);
    own = byArray.get(inner.constructor);
  }
  return { shape, own };
}

/** Appends all elements to `out`; `place` says where in the lists it is. */
function flatten(data: Rows, shape: Shape, depth: number, place: number[], out: Scalar[]): void {
  if (depth === shape.length && !isList(data)) {
    if (!isScalar(data)) failNoNumber(data, place.slice(0, depth));
    out.push(data);
    return;
  }
  const list = isList(data) ? data : undefined;
  if (list?.length !== shape[depth]) failRagged(place.slice(0, depth), shape[depth], list?.length);
  for (let i = 0; i < list!.length; i++) {
    place[depth] = i;
    flatten(list![i]!, shape, depth + 1, place, out);
  }
}

function isScalar(data: unknown): data is Scalar {
  return typeof data === "number" || typeof data === "boolean" || typeof data === "bigint";
}

function failNoNumber(data: unknown, place: readonly number[]): never {
  const remedy = data instanceof Tensor ? "Join tensors with stack or cat" : undefined;
  fail("tensor", `${showValue(data)} at [${place.join(", ")}] is no number`, remedy);
}

function failRagged(place: readonly number[], wanted: number | undefined, got: number | undefined): never {
  const name = (length: number | undefined): string =>
    length === undefined ? "a single number" : `${length} elements`;
  fail(
    "tensor",
    `lists are ragged: the list at [${place.join(", ")}] has ${name(got)} where its first sibling has ${name(wanted)}`,
    "All lists of one depth need the same length",
  );
}

function guess(flat: readonly Scalar[]): DType {
  if (flat.length === 0) return state.defaultDType;
  if (flat.every((value) => typeof value === "boolean")) return "bool";
  return flat.some((value) => typeof value === "number" && !isWhole(value)) ? state.defaultDType : "int64";
}

/** `zeros(2, 3)`, `zeros([2, 3])`, with or without options behind. */
export type SizesAndOptions<D extends DType = DType, O extends TensorOptions<D> = TensorOptions<D>> =
  | readonly [...size: number[]]
  | readonly [...size: number[], options: O]
  | readonly [size: readonly number[], options?: O];

export function parseSizes<D extends DType, O extends TensorOptions<D>>(
  op: string,
  args: SizesAndOptions<D, O>,
): [Shape, O] {
  const last = args[args.length - 1];
  const options = (isOptions(last) ? last : {}) as O;
  const rest = isOptions(last) || last === undefined ? args.slice(0, -1) : args;
  return [checkShape(op, (Array.isArray(rest[0]) ? rest[0] : rest) as Shape), options];
}

function filled<D extends DType>(value: number, shape: Shape, dtype: DType, options: TensorOptions<D>): Tensor<D> {
  checkDType("full", dtype);
  const [made] = applyAll("full", [], { shape, dtype, value: inKind(value, dtype) }, options.device);
  return finish(made as Tensor<D>, options);
}

/** As a cast would: without its fraction for whole numbers, 0 or 1 for bools. */
function inKind(value: number, dtype: DType): number {
  const { kind } = dtypes[dtype];
  return kind === "float" ? value : kind === "int" ? Math.trunc(value) : Number(value !== 0);
}

/**
 * All zeros; float32 unless said otherwise.
 * @see https://pytorch.org/docs/stable/generated/torch.zeros.html
 * @example
 * zeros(2, 3); // tensor([[0., 0., 0.], [0., 0., 0.]])
 * zeros([2], { dtype: "int64" }); // tensor([0, 0])
 */
export function zeros<D extends DType = "float32">(...args: SizesAndOptions<D>): Tensor<NoInfer<D>> {
  const [shape, options] = parseSizes("zeros", args);
  return filled(0, shape, options.dtype ?? state.defaultDType, options);
}

/**
 * All ones.
 * @see https://pytorch.org/docs/stable/generated/torch.ones.html
 * @example
 * ones(2, 2); // tensor([[1., 1.], [1., 1.]])
 */
export function ones<D extends DType = "float32">(...args: SizesAndOptions<D>): Tensor<NoInfer<D>> {
  const [shape, options] = parseSizes("ones", args);
  return filled(1, shape, options.dtype ?? state.defaultDType, options);
}

/**
 * One value everywhere; its kind gives the dtype, as in {@link tensor}.
 * @throws TensorError for a number that the dtype does not have
 * @see https://pytorch.org/docs/stable/generated/torch.full.html
 * @example
 * full([2, 2], 7); // tensor([[7, 7], [7, 7]])
 */
export function full<D extends DType = DType>(
  size: Shape,
  fillValue: Scalar,
  options: TensorOptions<D> = {},
): Tensor<NoInfer<D>> {
  const dtype = (options.dtype ?? guess([fillValue])) as D;
  checkDType("full", dtype);
  return filled(Number(inRange("full", fillValue, dtype)), checkShape("full", size), dtype, options);
}

/** Memory as it was: fill it before reading it. @see https://pytorch.org/docs/stable/generated/torch.empty.html */
export function empty<D extends DType = "float32">(...args: SizesAndOptions<D>): Tensor<NoInfer<D>> {
  const [shape, options] = parseSizes("empty", args);
  const dtype = options.dtype ?? (state.defaultDType as D);
  checkDType("empty", dtype);
  const storage = getBackend(options.device).allocate(dtype, sizeOf(shape));
  return finish(new Tensor(storage, shape, stridesOf(shape), 0, dtype), options);
}

/** {@link empty} with strides of your own. @see https://pytorch.org/docs/stable/generated/torch.empty_strided.html */
export function emptyStrided<D extends DType = "float32">(
  size: Shape,
  stride: Shape,
  options: TensorOptions<D> = {},
): Tensor<NoInfer<D>> {
  checkShape("emptyStrided", size);
  if (stride.length !== size.length) fail("emptyStrided", `needs a stride a size, got [${stride}] and [${size}]`);
  const length = size.reduce((sum, extent, dim) => sum + (extent - 1) * stride[dim]!, 1);
  const dtype = options.dtype ?? (state.defaultDType as D);
  checkDType("emptyStrided", dtype);
  const storage = getBackend(options.device).allocate(dtype, sizeOf(size) === 0 ? 0 : length);
  return finish(new Tensor(storage, size, stride, 0, dtype), options);
}

function likeOptions<D extends DType>(input: Tensor, options: TensorOptions<D>): TensorOptions<D> & { dtype: D } {
  return { device: input.device, ...options, dtype: options.dtype ?? (input.dtype as D) };
}

/** `made`, whose elements may trade places, in the order in which `input` lies. */
function lyingAs<D extends DType>(input: Tensor, made: Tensor<D>): Tensor<D> {
  const order = orderOf([input]);
  if (order === undefined) return made;
  const result = new Tensor(made.storage, made.shape, stridesIn(made.shape, order), 0, made.dtype);
  result.requiresGrad = made.requiresGrad;
  made.dispose();
  return result;
}

/** Zeros of `input`'s shape, dtype and device. */
export function zerosLike<D extends DType = DType>(input: Tensor, options: TensorOptions<D> = {}): Tensor<NoInfer<D>> {
  return lyingAs(input, zeros(input.shape, likeOptions(input, options)));
}

/** Ones of `input`'s shape, dtype and device. */
export function onesLike<D extends DType = DType>(input: Tensor, options: TensorOptions<D> = {}): Tensor<NoInfer<D>> {
  return lyingAs(input, ones(input.shape, likeOptions(input, options)));
}

/** One value in `input`'s shape, dtype and device. */
export function fullLike<D extends DType = DType>(
  input: Tensor,
  fillValue: Scalar,
  options: TensorOptions<D> = {},
): Tensor<NoInfer<D>> {
  return lyingAs(input, full(input.shape, fillValue, likeOptions(input, options)));
}

/** Uninitialised memory of `input`'s shape, dtype and device. */
export function emptyLike<D extends DType = DType>(input: Tensor, options: TensorOptions<D> = {}): Tensor<NoInfer<D>> {
  return lyingAs(input, empty(input.shape, likeOptions(input, options)));
}

/** The bounds of {@link arange}, named. */
export interface RangeOptions<D extends DType = DType> extends TensorOptions<D> {
  readonly start?: number;
  readonly end?: number;
  readonly step?: number;
}

/**
 * start, start + step, … below `end`; `arange(end)` counts from 0. int64 where all three are whole.
 * @see https://pytorch.org/docs/stable/generated/torch.arange.html
 * @example
 * arange(5); // tensor([0, 1, 2, 3, 4])
 * arange(1, 2, 0.25); // tensor([1.0000, 1.2500, 1.5000, 1.7500])
 */
export function arange<D extends DType = DType>(
  ...args:
    | readonly [end: number, options?: RangeOptions<D>]
    | readonly [start: number, end: number, options?: RangeOptions<D>]
    | readonly [start: number, end: number, step: number, options?: RangeOptions<D>]
    | readonly [options: RangeOptions<D>]
): Tensor<NoInfer<D>> {
  const options = (args.find((arg) => isOptions(arg)) ?? {}) as RangeOptions<D>;
  const [first, last, by] = boundsOf(args.filter((arg) => !isOptions(arg)).map(Number), options);
  const dtype = options.dtype ?? guess([first, last, by]);
  checkDType("arange", dtype);
  // int64 bounds are cut before they are counted, as PyTorch does.
  const [start, end, step] = isFloat(dtype) ? [first, last, by] : ([first, last, by].map(Math.trunc) as Bounds);
  if (!(step !== 0 && (end - start) / step >= 0) || !Number.isFinite(start + end + step)) {
    fail(
      "arange",
      `start ${start}, end ${end} and step ${step} describe no finite range`,
      "The step must lead from start to end",
    );
  }
  const length = dtype === "int64" ? (end - start) / step : (last - first) / by;
  const size = Math.max(Math.ceil(length), 0);
  const [made] = applyAll("arange", [], { shape: [size], dtype, start, step }, options.device);
  return finish(made as Tensor<D>, options);
}

type Bounds = [start: number, end: number, step: number];

/** By position, else by name; a lone number is the end. */
function boundsOf(given: readonly number[], options: RangeOptions): Bounds {
  const [start = options.start ?? 0, end = options.end ?? Number.NaN, step = options.step ?? 1] =
    given.length === 1 && options.end === undefined ? [0, ...given] : given;
  return [start, end, step];
}

/**
 * `steps` values evenly from `start` to `end`, both included.
 * @see https://pytorch.org/docs/stable/generated/torch.linspace.html
 * @example
 * linspace(0, 1, 5); // tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
 */
export function linspace<D extends DType = "float32">(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions<D> = {},
): Tensor<NoInfer<D>> {
  checkShape("linspace", [steps]);
  const dtype = options.dtype ?? state.defaultDType;
  checkDType("linspace", dtype);
  if (!isFloat(dtype)) return wholeLinspace(Math.trunc(start), Math.trunc(end), steps, options);
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  const [made] = applyAll("arange", [], { shape: [steps], dtype, start, step, end }, options.device);
  return finish(made as Tensor<D>, options);
}

/** In float64 wherever the tensor goes: what is a little less than a whole number would be cut to the one below. */
function wholeLinspace<D extends DType>(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions<D>,
): Tensor<D> {
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  const values = new Float64Array(steps);
  for (let i = 0; i < steps; i++)
    values[i] = Math.trunc(i < steps / 2 ? start + i * step : end - (steps - 1 - i) * step);
  return fromArray(values, [steps], options);
}

/** The identity matrix, n × m. @see https://pytorch.org/docs/stable/generated/torch.eye.html */
export function eye<D extends DType = "float32">(
  ...args:
    | readonly [n: number, options?: TensorOptions<D>]
    | readonly [n: number, m: number, options?: TensorOptions<D>]
): Tensor<NoInfer<D>> {
  const [sizes, options] = parseSizes("eye", args as SizesAndOptions<D>);
  const [n, m = n] = sizes as [number, number?];
  const made = filled<D>(0, [n!, m!], options.dtype ?? (state.defaultDType as D), { device: options.device });
  tidy(() => made.diagonal().fill_(1));
  return finish(made, options);
}
