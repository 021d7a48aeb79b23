/** What Python has and JavaScript lacks: floats that are whole, functions with keywords, classes. */
import { Tensor } from "@dl/tensor";
import { unsupported } from "../outcome.ts";

/** A float of Python's; a JavaScript number is an int. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export type Keywords = Readonly<Record<string, unknown>>;

/** Whatever can be called. */
export class Callable {
  readonly call: (args: readonly unknown[], keywords: Keywords) => unknown;

  constructor(call: (args: readonly unknown[], keywords: Keywords) => unknown) {
    this.call = call;
  }
}

/** A context manager, which is a decorator too. */
export class Manager {
  readonly run: <T>(body: () => T) => T;

  constructor(run: <T>(body: () => T) => T) {
    this.run = run;
  }
}

/** A dictionary; its keys are told apart as JavaScript's Map tells them. */
export type Dict = Map<unknown, unknown>;

/** An object of a class that the program defines, where the class is none of the library's. */
export class Instance {
  readonly methods: ReadonlyMap<string, unknown>;
  readonly fields = new Map<string, unknown>();

  constructor(methods: ReadonlyMap<string, unknown>) {
    this.methods = methods;
  }
}

export const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** The number that a value is among, or beside, numbers. */
export function numeric(value: unknown): number {
  if (value instanceof Float) return value.value;
  if (value instanceof Tensor) return Number(value.item());
  return typeof value === "number" || typeof value === "boolean"
    ? Number(value)
    : unsupported("arithmetic on no numbers");
}

export function truth(value: unknown): boolean {
  if (value instanceof Tensor) return Boolean(value.item());
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Map) return value.size > 0;
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** The elements that a loop goes over. */
export function elements(value: unknown): unknown[] {
  if (value instanceof Tensor) return [...(value as Iterable<unknown>)];
  if (value instanceof Map) return [...value.keys()];
  if (isPlain(value)) return Object.keys(value);
  if (typeof Object(value)[Symbol.iterator] === "function") return [...(value as Iterable<unknown>)];
  return unsupported("a loop over what has no elements");
}

/** As JavaScript has it: what results are compared as, and what the library takes. */
export function plain(value: unknown): unknown {
  if (value instanceof Float) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]));
  if (value instanceof Callable) return (...args: unknown[]) => plain(value.call(args, {})) ?? undefined;
  return value;
}
