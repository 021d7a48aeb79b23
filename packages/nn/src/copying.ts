/** What modules and `deepcopy` agree on: how an object without fields becomes the copy of another. */
import { Callable } from "./callable.ts";

/** Copies the value of the field `field`. What was copied before is the same copy again. */
export type Copy = <T>(value: T, field: string) => T;

/** The method by which a module gives all it holds to its copy. */
export const FILL: unique symbol = Symbol("fill");

/** The names of an object's fields. Modules have fields that are not listed, too: other ways to reach these. */
export function listed(object: object): (string | symbol)[] {
  return Reflect.ownKeys(object).filter((key) => Object.prototype.propertyIsEnumerable.call(object, key));
}

/**
 * How to copy a field of `from` into `into`, which loses those that it has, but for functions that stand in both: its
 * constructor made them, so they are tied to it.
 */
export function fieldCopier(from: object, into: object, copy: Copy): (key: string | symbol) => void {
  const made = new Map(listed(into).map((key) => [key, (into as Record<string | symbol, unknown>)[key]]));
  for (const key of made.keys()) Reflect.deleteProperty(into, key);
  return (key) => {
    const field = Object.getOwnPropertyDescriptor(from, key)!;
    const own = made.get(key);
    if (isPlainFunction(field.value) && isPlainFunction(own)) field.value = own;
    else if ("value" in field) field.value = copy(field.value, String(key));
    Object.defineProperty(into, key, field);
  };
}

/** A function that is no module. */
export function isPlainFunction(value: unknown): value is () => unknown {
  return typeof value === "function" && !(value instanceof Callable);
}
