/** Python's operators on numbers, text and lists, and on the library's tensors, whose functions are found by name. */
import { ModuleDict } from "@dl/nn";
import { isFloat, Tensor, tensor } from "@dl/tensor";
import { unsupported } from "../outcome.ts";
import { resolve } from "../resolve.ts";
import { elements, Float, isPlain, numeric, plain, truth } from "./values.ts";

interface Operator {
  readonly numbers: (a: number, b: number) => number;
  /** PyTorch's function; with a line behind it works in place. */
  readonly path: string;
}

const operators: Readonly<Record<string, Operator>> = {
  "+": { numbers: (a, b) => a + b, path: "add" },
  "-": { numbers: (a, b) => a - b, path: "sub" },
  "*": { numbers: (a, b) => a * b, path: "mul" },
  "/": { numbers: (a, b) => a / b, path: "div" },
  "//": { numbers: (a, b) => Math.floor(a / b), path: "floor_divide" },
  "%": { numbers: (a, b) => a - b * Math.floor(a / b), path: "remainder" },
  "**": { numbers: (a, b) => a ** b, path: "pow" },
  "@": { numbers: () => unsupported("a matrix product of numbers"), path: "matmul" },
  "&": { numbers: (a, b) => a & b, path: "bitwise_and" },
  "|": { numbers: (a, b) => a | b, path: "bitwise_or" },
  "^": { numbers: (a, b) => a ^ b, path: "bitwise_xor" },
  "<<": { numbers: (a, b) => a << b, path: "bitwise_left_shift" },
  ">>": { numbers: (a, b) => a >> b, path: "bitwise_right_shift" },
};

export function binary(operator: string, a: unknown, b: unknown): unknown {
  const { numbers, path } = operators[operator]!;
  if (a instanceof Tensor || b instanceof Tensor) return operate(path, a, b);
  if (Array.isArray(a)) return lists(operator, a, b);
  if (Array.isArray(b)) return lists(operator, b, a);
  if (typeof a === "string" && operator === "+") return a + String(b);
  const value = numbers(numeric(a), numeric(b));
  const isWhole = !(a instanceof Float || b instanceof Float) && operator !== "/";
  return isWhole && Number.isInteger(value) ? value : new Float(value);
}

function lists(operator: string, list: readonly unknown[], other: unknown): unknown[] {
  if (operator === "+" && Array.isArray(other)) return [...list, ...other];
  if (operator === "*") return new Array(numeric(other)).fill(list).flat();
  return unsupported(`"${operator}" on a list`);
}

/** Python turns `1 - x` and `2 / x` round, so that the tensor comes first. */
function operate(path: string, a: unknown, b: unknown): unknown {
  if (a instanceof Tensor) return resolve(`torch.${path}`).call([a, beside(a, b)]);
  const [x, number] = [b as Tensor, beside(b as Tensor, a)];
  if (path === "sub") return resolve("torch.rsub").call([x, number]);
  if (path === "div") return resolve("torch.mul").call([resolve("torch.reciprocal").call([x]), number]);
  const turns = ["add", "mul", "bitwise_and", "bitwise_or", "bitwise_xor"].includes(path);
  return resolve(`torch.${path}`).call(turns ? [x, number] : [number, x]);
}

/** A number beside a tensor: a float or a bool among whole numbers decides the result's dtype, so it becomes a tensor. */
export function beside(x: Tensor, value: unknown): unknown {
  if (typeof value === "boolean") return tensor(value, { device: x.device });
  if (!(value instanceof Float)) return value;
  return isFloat(x.dtype) ? value.value : tensor(value.value, { dtype: "float32", device: x.device });
}

/** `x += y`: tensors and lists change in place. */
export function augment(operator: string, a: unknown, b: unknown): unknown {
  if (a instanceof Tensor) return resolve(`Tensor.${operators[operator]!.path}_`).call([a, beside(a, b)]);
  if (!Array.isArray(a) || operator !== "+") return binary(operator, a, b);
  a.push(...(b as readonly unknown[]));
  return a;
}

export function unary(operator: string, value: unknown): unknown {
  if (operator === "not") return !truth(value);
  if (operator === "+") return value;
  if (value instanceof Tensor) return resolve(operator === "-" ? "torch.neg" : "torch.bitwise_not").call([value]);
  if (operator === "~") return ~numeric(value);
  return value instanceof Float ? new Float(-value.value) : -numeric(value);
}

const orders: Readonly<Record<string, { readonly path: string; readonly holds: (a: never, b: never) => boolean }>> = {
  "<": { path: "lt", holds: (a, b) => a < b },
  ">": { path: "gt", holds: (a, b) => a > b },
  "<=": { path: "le", holds: (a, b) => a <= b },
  ">=": { path: "ge", holds: (a, b) => a >= b },
  "==": { path: "eq", holds: (a, b) => isSame(a, b) },
  "!=": { path: "ne", holds: (a, b) => !isSame(a, b) },
};

/** Tensors give a tensor, all else true or false. */
export function compare(operator: string, a: unknown, b: unknown): unknown {
  if (operator.startsWith("is")) return ((plain(a) ?? null) === (plain(b) ?? null)) === (operator === "is");
  if (operator.endsWith("in")) return contains(b, a) === (operator === "in");
  const { path, holds } = orders[operator]!;
  if (a instanceof Tensor) return resolve(`torch.${path}`).call([a, beside(a, b)]);
  if (b instanceof Tensor) return compare(turned[operator] ?? operator, b, a);
  return holds(plain(a) as never, plain(b) as never);
}

const turned: Readonly<Record<string, string>> = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" };

function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  return (a ?? null) === (b ?? null);
}

function contains(collection: unknown, item: unknown): boolean {
  if (collection instanceof Map) return collection.has(item);
  if (isPlain(collection)) return Object.hasOwn(collection, String(item));
  if (typeof collection === "string") return collection.includes(String(item));
  if (collection instanceof ModuleDict) return collection.has(String(item));
  return elements(collection).some((one) => isSame(plain(one), plain(item)));
}
