/** Named parts of a module: what may become one, and by which names it is listed. */
import { fail, Tensor } from "@dl/tensor";
import { stateName } from "./naming.ts";

/** A class. */
type Kind = abstract new (...args: never[]) => object;

/**
 * @throws TensorError unless `name` can be part of a path such as `"layer1.0"`: it must not be empty or contain a dot
 */
export function checkName(op: string, name: string): void {
  if (typeof name === "string" && name !== "" && !name.includes(".")) return;
  fail(op, `${JSON.stringify(name)} cannot be a name: it is empty or holds a dot`);
}

/** @throws TensorError unless `value` is null or of that kind, and so is what the field `name` holds now */
export function checkField(op: string, module: object, name: string, value: unknown, kind: Kind): void {
  const fits = (x: unknown): boolean => x == null || x instanceof kind;
  checkName(op, name);
  if (!fits(value)) fail(op, `${name} is to be a ${kind.name}`, `Give it a ${kind.name}, or null`);
  if (!fits((module as Record<string, unknown>)[name])) {
    fail(op, `there is a ${name} already, which is no ${kind.name}`, "Choose another name");
  }
}

/** Makes `name` a field that accepts tensors or null. The tensors outlive scopes. */
export function holdTensor(module: object, name: string): void {
  let held: Tensor | null = null;
  const set = (value: Tensor | null): void => {
    checkField(module.constructor.name, module, name, value, Tensor);
    held = value?.keep() ?? null;
  };
  Object.defineProperty(module, name, { get: () => held, set, enumerable: true, configurable: true });
}

/**
 * The name under which a field is listed, in state dicts for instance. If that is another one, the field can be read
 * and replaced under this name, too, from then on: `model[name] = other`.
 */
export function listedName(module: object, field: string, value: unknown): string {
  const name = stateName(field);
  const isPart = typeof value === "function" || value instanceof Tensor;
  if (name === field || !isPart || Object.hasOwn(module, name)) return name;
  const fields = module as Record<string, unknown>;
  const set = (other: unknown): void => {
    fields[field] = other;
  };
  Object.defineProperty(module, name, { get: () => fields[field], set, configurable: true });
  return name;
}

/** Throws where a plain tensor replaces a parameter: optimizers and state dicts would not find it. */
export function refuseTensor(module: string, name: string): never {
  return fail(module, `a plain tensor took the place of the parameter ${name}`, "Wrap it in new Parameter(…)");
}
