/**
 * Plain data with tensors in it as what a safetensors file can hold: tensors by name, and a JSON text in the metadata that
 * says where they stood. What JSON lacks stands behind the key `$`.
 */
import { isTensor, type Tensor } from "@dl/tensor";
import { CheckpointError, refuse } from "./errors.ts";
import type { Metadata, TensorRecord } from "./safetensors.ts";

const textKey = "dl.state";

/** What {@link pack} makes of plain data. */
export interface Packed {
  readonly tensors: TensorRecord;
  readonly metadata: Metadata;
}

/**
 * Takes plain data apart: objects, lists, numbers, text, and tensors anywhere in them. A tensor is named by its path, so
 * `{ model: { "0.weight": w } }` saves `model.0.weight`.
 * Tensors of one memory, as tied weights are, come back as tensors of their own.
 * @throws CheckpointError for functions, instances of classes and the key "$", naming the place; for data in itself
 * @example const { tensors, metadata } = pack({ model: model.stateDict(), epoch: 3 });
 */
export function pack(state: object): Packed {
  const tensors: Record<string, Tensor> = {};
  try {
    const structure = encode(state, "", tensors);
    return { tensors, metadata: { [textKey]: JSON.stringify(structure) } };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CheckpointError("pack: the data is nested too deeply, or holds itself. Flatten it", { cause: error });
  }
}

/** In lists; objects leave it out. */
const missing = { $: ["undefined", ""] };

function encode(value: unknown, place: string, tensors: Record<string, Tensor>): unknown {
  if (isTensor(value)) return { $: ["tensor", register(value, place, tensors)] };
  if (typeof value === "number" && !Number.isFinite(value)) return { $: ["number", String(value)] };
  if (Object.is(value, -0)) return { $: ["number", "-0"] };
  if (typeof value === "bigint") return { $: ["bigint", String(value)] };
  const inside = (key: string | number): string => (place === "" ? String(key) : `${place}.${key}`);
  const item = (x: unknown, i: number): unknown => (x === undefined ? missing : encode(x, inside(i), tensors));
  if (Array.isArray(value)) return Array.from(value, item);
  if (value === null || ["number", "string", "boolean", "undefined"].includes(typeof value)) return value;
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) refuseValue(value, place);
  const entries = Object.entries(value as object).filter(([, item]) => item !== undefined);
  if (Object.hasOwn(value as object, "$")) refuseValue(value, inside("$"));
  return Object.fromEntries(entries.map(([key, item]) => [key, encode(item, inside(key), tensors)]));
}

/** A name for the tensor: its path, longer where keys with dots make two paths alike. */
function register(value: Tensor, place: string, tensors: Record<string, Tensor>): string {
  let name = place;
  while (Object.hasOwn(tensors, name)) name += "'";
  tensors[name] = value;
  return name;
}

function refuseValue(value: unknown, place: string): never {
  const kind = typeof value === "object" ? `a ${value!.constructor?.name ?? "bare object"}` : `a ${typeof value}`;
  throw new CheckpointError(
    `pack: "${place}" is ${kind}. Only plain data and tensors can be kept: use its stateDict(), or leave it out`,
  );
}

/**
 * Puts together what {@link pack} took apart.
 * @param name what errors call the file
 * @throws CheckpointError when the metadata has no such description, or one that does not fit the tensors
 */
export function unpack<T>({ tensors, metadata }: Packed, name: string = "this record"): T {
  const text = metadata[textKey];
  if (text === undefined) throw new CheckpointError(`unpack: ${name} holds tensors by name and no more. Use load`);
  try {
    return decode(JSON.parse(text), tensors) as T;
  } catch {
    return refuse(name, "has a description that does not fit its tensors");
  }
}

function decode(node: unknown, tensors: TensorRecord): unknown {
  if (Array.isArray(node)) return node.map((item) => decode(item, tensors));
  if (typeof node !== "object" || node === null) return node;
  const { $: tagged } = node as { $?: [kind: keyof typeof tags, text: string] };
  if (tagged) return tags[tagged[0]](tagged[1], tensors);
  return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, decode(item, tensors)]));
}

const tags = {
  tensor: (name: string, tensors: TensorRecord): Tensor => {
    if (!Object.hasOwn(tensors, name)) throw new RangeError(name);
    return tensors[name]!;
  },
  number: Number,
  bigint: BigInt,
  undefined: (): undefined => undefined,
} as const;
