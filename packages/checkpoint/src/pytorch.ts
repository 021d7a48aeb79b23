/** Files of `torch.save`: a zip archive since PyTorch 1.6, a row of pickles before. Data is read, code is not run. */
import { type DType, dtypes } from "@dl/tensor";
import { unzipSync } from "fflate";
import { bytesOf, CheckpointError, type FileBytes } from "./errors.ts";
import { type Callables, type Name, type Owner, unpickle } from "./pickle.ts";
import { isSize, type Memory, Plain, Plan } from "./plain.ts";
import { PickleError, Reader } from "./reader.ts";

const storages: Readonly<Record<string, DType>> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
};

/** ★ The calls that plain data needs, by their names in Python. */
const calls: Callables = new Map<string, (...args: unknown[]) => unknown>([
  ["collections.OrderedDict", (pairs) => new Map((pairs ?? []) as [unknown, unknown][])],
  ["collections.Counter", (counts) => counts],
  ["torch.Size", (sizes) => sizes],
  ["torch.device", (type, index) => (index === undefined ? type : `${type}:${index}`)],
  ["_codecs.encode", (text) => Uint8Array.from(text as string, (character) => character.charCodeAt(0))],
  ["torch._utils._rebuild_tensor", (...args) => new Plan(args[0], args[1], args[2], args[3], false)],
  ["torch._utils._rebuild_tensor_v2", (...args) => new Plan(args[0], args[1], args[2], args[3], args[4])],
  ["torch._utils._rebuild_parameter", (data, requiresGrad) => asParameter(data, requiresGrad)],
]);

function asParameter(data: unknown, requiresGrad: unknown): Plan {
  if (!(data instanceof Plan)) throw new PickleError("describes a parameter wrongly");
  return new Plan(data.memory, data.offset, data.shape, data.strides, requiresGrad);
}

/** Whether bytes begin as a file of `torch.save` does. */
export function isPyTorch(bytes: Uint8Array): boolean {
  return [zipStart, pickleStart].some((start) => start.every((byte, i) => bytes[i] === byte));
}

const zipStart = [0x50, 0x4b, 0x03, 0x04];
/** A pickle of the number that old files begin with. */
const pickleStart = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/**
 * What `torch.save` wrote, in plain data: dictionaries are objects, tuples and lists arrays, `None` is `null`, whole numbers
 * beyond 2⁵³ are bigints. Tensors are on the CPU; those that shared memory share it again. No code of the file is run, as with
 * PyTorch's `weights_only=True`.
 * @param given the bytes of the file
 * @param name what errors call the file
 * @throws CheckpointError for a file that is not intact, and for objects that are not plain data, naming their class
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 */
export function fromPyTorch(given: FileBytes, name: string = "these bytes"): unknown {
  const bytes = bytesOf(given, name);
  try {
    const { value, memories } = bytes[0] === zipStart[0] ? readZip(bytes) : readPickles(new Reader(bytes));
    const result = new Plain().of(value);
    for (const { flat } of memories.byKey.values()) flat?.dispose();
    return result;
  } catch (error) {
    const problem = error instanceof PickleError ? error.message : "is not intact";
    const remedy = "It has to be an intact file of torch.save with plain data and tensors, such as a state_dict()";
    throw new CheckpointError(`load: ${name} ${problem}. ${remedy}`, { cause: error });
  }
}

interface Content {
  readonly value: unknown;
  readonly memories: Memories;
}

function readZip(bytes: Uint8Array): Content {
  const entries = unzipSync(bytes);
  const path = Object.keys(entries).find((key) => /^[^/]+\/data\.pkl$/.test(key));
  if (path === undefined) throw new PickleError("is a zip archive without a pickle of PyTorch in it");
  const folder = path.slice(0, path.indexOf("/"));
  const order = entries[`${folder}/byteorder`];
  if (order && new TextDecoder().decode(order) !== "little") throw new PickleError("was written in big-endian order");
  const memories = new Memories();
  const value = unpickle(new Reader(entries[path]!), memories);
  for (const [key, memory] of memories.byKey) memory.bytes = entries[`${folder}/data/${key}`];
  return { value, memories };
}

/** Magic number, version, facts of the machine, the value, the keys of storages; then the storages. */
function readPickles(reader: Reader): Content {
  const memories = new Memories();
  const next = (): unknown => unpickle(reader, memories);
  next();
  if (next() !== 1001) throw new PickleError("has an unknown version");
  const machine = next();
  if (!(machine instanceof Map) || machine.get("little_endian") !== true) {
    throw new PickleError("was written in big-endian order");
  }
  const value = next();
  for (const key of next() as unknown[]) {
    const memory = memories.byKey.get(key);
    if (!memory || reader.uint64() !== memory.size) throw new PickleError("has storages that do not fit");
    memory.bytes = reader.take(memory.size * dtypes[memory.dtype].bytes);
  }
  return { value, memories };
}

/** The storages that a pickle refers to. */
class Memories implements Owner {
  readonly calls = calls;
  readonly byKey = new Map<unknown, Memory>();

  persistent(id: unknown): Memory {
    const [memory, key] = describe(id);
    if (!this.byKey.has(key)) this.byKey.set(key, memory);
    return this.byKey.get(key)!;
  }
}

/** `("storage", class, key, device, size)`, and in old files of a view of a storage more. */
function describe(id: unknown): [memory: Memory, key: unknown] {
  const [kind, type, key, , size, view] = Array.isArray(id) ? id : [];
  const { python = "" } = Object(type) as Partial<Name>;
  const dtype = storages[python.replace(/^torch(\.cuda)?\./, "")];
  if (kind !== "storage" || !isSize(size) || (view ?? null) !== null) throw new PickleError("has an unknown reference");
  if (!dtype) throw new PickleError(`has a tensor of ${python}, which tensors here cannot have`);
  return [{ dtype, size }, key];
}
