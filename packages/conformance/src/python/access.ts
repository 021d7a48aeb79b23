/** Calls and attributes of whatever a program meets. */
import { Tensor, TensorError } from "@dl/tensor";
import { camel } from "../names.ts";
import { unsupported } from "../outcome.ts";
import { dictMethod, listMethod, textMethod } from "./builtins.ts";
import { instanceMember } from "./classes.ts";
import { callFunction, callPath, member, objectMember, Path, tensorMember } from "./torch.ts";
import { Callable, Instance, isPlain, type Keywords, Manager, plain } from "./values.ts";

/** The program raises an error of its own. */
export function raise(message: string): never {
  throw new TensorError(message);
}

export function decorated(by: unknown, fn: unknown): unknown {
  if (!(by instanceof Manager)) return by instanceof Path ? fn : invoke(by, [fn], {});
  return new Callable((args, keywords) => by.run(() => invoke(fn, args, keywords)));
}

export function invoke(fn: unknown, args: readonly unknown[], keywords: Keywords): unknown {
  if (fn instanceof Callable) return fn.call(args, keywords);
  if (fn instanceof Path) return callPath(fn.path, args, keywords);
  if (fn instanceof Instance) return invoke(instanceMember(fn, "__call__"), args, keywords);
  return typeof fn === "function" ? callFunction(fn as never, undefined, args, keywords) : unsupported("this call");
}

export function memberOf(object: unknown, name: string): unknown {
  if (object instanceof Path) return member(`${object.path}.${name}`);
  if (object instanceof Tensor) return tensorMember(object, name);
  if (object instanceof Instance) return instanceMember(object, name);
  if (object instanceof Map) return dictMethod(object, name) ?? unsupported(`the method ${name}`);
  if (typeof object === "string") return textMethod(object, name) ?? unsupported(`the method ${name}`);
  if (Array.isArray(object))
    return (!Object.hasOwn(object, name) && listMethod(object, name)) || objectMember(object, name);
  if (isPlain(object) && !(camel(name) in object)) return dictMethod(new Map(Object.entries(object)), name);
  return objectMember(object as object, name);
}

export function setMember(object: unknown, name: string, value: unknown): void {
  if (object instanceof Instance) object.fields.set(name, value);
  else (object as Record<string, unknown>)[camel(name)] = plain(value);
}
