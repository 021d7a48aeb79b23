/** Python's own functions, and the methods of its lists, dictionaries and texts. */
import { Tensor } from "@dl/tensor";
import { unsupported } from "../outcome.ts";
import { binary, compare } from "./operators.ts";
import { isInstance } from "./torch.ts";
import { Callable, type Dict, elements, Float, isPlain, numeric, truth } from "./values.ts";

const callable = (call: (...args: never[]) => unknown): Callable => new Callable((args) => call(...(args as never[])));

function toInt(value: unknown): number {
  return Math.trunc(Number(typeof value === "string" ? value : numeric(value)));
}

function toFloat(value: unknown = 0): Float {
  if (typeof value !== "string") return new Float(numeric(value));
  return new Float(Number(value.replace(/^([-+]?)inf(inity)?$/i, "$1Infinity")));
}

function lengthOf(value: unknown): number {
  if (value instanceof Tensor) return value.shape[0] ?? unsupported("the length of a tensor without dimensions");
  if (value instanceof Map) return value.size;
  if (isPlain(value)) return Object.keys(value).length;
  const { length } = value as { readonly length: unknown };
  // A module is a function: what it is called with says nothing of what it holds.
  return typeof length === "number" && typeof value !== "function" ? length : elements(value).length;
}

function range(...bounds: number[]): number[] {
  const [start, stop, step] = bounds.length === 1 ? [0, bounds[0]!, 1] : [bounds[0]!, bounds[1]!, bounds[2] ?? 1];
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, i) => start + i * step);
}

function extreme(operator: "<" | ">"): Callable {
  return callable((...values: unknown[]) => {
    const list = values.length === 1 ? elements(values[0]) : values;
    return list.reduce((best, one) => (truth(compare(operator, one, best)) ? one : best));
  });
}

function sorted([values]: readonly unknown[], { key, reverse }: Readonly<Record<string, unknown>>): unknown[] {
  const by = (item: unknown): unknown => (key ? (key as Callable).call([item], {}) : item);
  const list = elements(values).sort((a, b) => (truth(compare("<", by(a), by(b))) ? -1 : 1));
  return reverse ? list.reverse() : list;
}

function dictOf(values: unknown = []): Dict {
  if (values instanceof Map) return new Map(values);
  return new Map((isPlain(values) ? Object.entries(values) : elements(values)) as [unknown, unknown][]);
}

/** What `super()` gives: the library's constructors have run before. */
const base = { __init__: () => null };

export const builtins: Readonly<Record<string, unknown>> = {
  abs: callable((x: unknown) =>
    x instanceof Tensor ? x.abs() : x instanceof Float ? new Float(Math.abs(x.value)) : Math.abs(numeric(x)),
  ),
  all: callable((values: unknown) => elements(values).every(truth)),
  any: callable((values: unknown) => elements(values).some(truth)),
  bool: callable((value: unknown = false) => truth(value)),
  dict: new Callable(([values], keywords) => new Map([...dictOf(values), ...Object.entries(keywords)])),
  enumerate: callable((values: unknown, start = 0) => elements(values).map((value, i) => [i + start, value])),
  float: callable(toFloat),
  int: callable(toInt),
  isinstance: callable(isInstance),
  len: callable(lengthOf),
  list: callable((values: unknown = []) => elements(values)),
  map: callable((fn: Callable, ...lists: unknown[]) => zip(...lists).map((args) => fn.call(args, {}))),
  max: extreme(">"),
  min: extreme("<"),
  print: callable(() => null),
  range: callable(range),
  reversed: callable((values: unknown) => elements(values).reverse()),
  round: callable((x: unknown) => Math.round(numeric(x))),
  sorted: new Callable(sorted),
  staticmethod: callable((fn: unknown) => fn),
  str: callable((value: unknown) => String(value)),
  super: callable(() => base),
  sum: callable((values: unknown, start: unknown = 0) => elements(values).reduce((a, b) => binary("+", a, b), start)),
  tuple: callable((values: unknown = []) => elements(values)),
  zip: callable(zip),
};

function zip(...lists: unknown[]): unknown[][] {
  const all = lists.map(elements);
  return range(Math.min(...all.map(({ length }) => length))).map((i) => all.map((list) => list[i]));
}

/** A method of a list. */
export function listMethod(list: unknown[], name: string): Callable | undefined {
  const methods: Readonly<Record<string, (...args: never[]) => unknown>> = {
    append: (item: unknown) => void list.push(item),
    extend: (items: unknown) => void list.push(...elements(items)),
    insert: (at: number, item: unknown) => void list.splice(at, 0, item),
    pop: (at = -1) => list.splice(at, 1)[0],
    index: (item: unknown) => list.indexOf(item),
    count: (item: unknown) => list.filter((one) => one === item).length,
    clear: () => void list.splice(0),
    copy: () => [...list],
    numel: () => (list as number[]).reduce((a, b) => a * b, 1),
  };
  return Object.hasOwn(methods, name) ? callable(methods[name]!) : undefined;
}

/** A method of a dictionary. */
export function dictMethod(dict: Dict, name: string): Callable | undefined {
  const methods: Readonly<Record<string, (...args: never[]) => unknown>> = {
    keys: () => [...dict.keys()],
    values: () => [...dict.values()],
    items: () => [...dict],
    get: (key: unknown, preset: unknown = null) => (dict.has(key) ? dict.get(key) : preset),
    update: (other: unknown) => void dictOf(other).forEach((value, key) => void dict.set(key, value)),
    copy: () => new Map(dict),
    pop: (key: unknown) => {
      const value = dict.get(key);
      dict.delete(key);
      return value;
    },
  };
  return Object.hasOwn(methods, name) ? callable(methods[name]!) : undefined;
}

/** A method of a text. */
export function textMethod(text: string, name: string): Callable | undefined {
  const methods: Readonly<Record<string, (...args: never[]) => unknown>> = {
    join: (parts: unknown) => elements(parts).join(text),
    startswith: (start: string) => text.startsWith(start),
    endswith: (end: string) => text.endsWith(end),
    split: (by: string) => text.split(by),
    lower: () => text.toLowerCase(),
    upper: () => text.toUpperCase(),
    replace: (from: string, to: string) => text.replaceAll(from, to),
  };
  return Object.hasOwn(methods, name) ? callable(methods[name]!) : undefined;
}
