/** PyTorch's paths looked up in the library: by name, on the tensor, among the functions, in the namespaces. No table. */
import * as nn from "@dl/nn";
import * as dl from "@dl/tensor";
import { camel } from "./names.ts";
import { unsupported } from "./outcome.ts";

/** Something to call: `args[0]` of a method is the tensor. */
export interface Target {
  readonly path: string;
  /** Parameter names in order, where the function tells them. */
  readonly names: readonly string[] | undefined;
  readonly call: (args: readonly unknown[]) => unknown;
}

type Namespace = Readonly<Record<string, unknown>>;

const library: Namespace = dl as never;

function inside(space: Namespace | undefined, name: string): Namespace | undefined {
  const found = space?.[camel(name)];
  return found === undefined ? undefined : (found as Namespace);
}

const functional = (): Namespace | undefined => inside(nn as never, "functional");

/** Finds `torch.x`, `torch.nn.functional.x`, `torch.linalg.x` or `Tensor.x`. @throws Unsupported when nothing has that name */
export function resolve(path: string): Target {
  return find(path) ?? unsupported(path);
}

export function find(path: string): Target | undefined {
  const parts = path.split(".");
  const name = camel(parts.at(-1)!);
  const make = (fn: unknown): Target | undefined =>
    typeof fn === "function" ? fromFunction(path, fn as never) : undefined;
  if (parts[0] === "Tensor") return method(path, name) ?? make(library[name]);
  const spaces = parts.slice(1, -1);
  if (spaces[0] === "nn") return make(functional()?.[name]) ?? make(library[name]) ?? method(path, name);
  const home = spaces.reduce(inside, library as Namespace | undefined);
  if (spaces[0] === "linalg") return make(home?.[name]);
  return make(home?.[name]) ?? make(library[name]) ?? method(path, name) ?? make(functional()?.[name]);
}

type Fn = ((...args: readonly unknown[]) => unknown) & { readonly names?: readonly string[] };

function fromFunction(path: string, fn: Fn): Target {
  return { path, names: fn.names, call: (args) => fn(...args) };
}

/** A method, or a property that is read. Its names are those of the function that it was installed from. */
function method(path: string, name: string): Target | undefined {
  if (!(name in dl.Tensor.prototype)) return undefined;
  const call = ([self, ...rest]: readonly unknown[]): unknown => {
    const member = (self as Namespace)[name];
    return typeof member === "function" ? (member as Fn).call(self, ...rest) : member;
  };
  return { path, names: (library[name] as Fn | undefined)?.names, call };
}
