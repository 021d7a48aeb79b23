/** `torch.…` as the library has it: paths, calls, and the attributes of tensors, modules and optimizers. */
import * as autograd from "@dl/autograd";
import * as nn from "@dl/nn";
import * as optim from "@dl/optim";
import * as dl from "@dl/tensor";
import { isFloat, type Tensor } from "@dl/tensor";
import { operands, tensorsIn } from "../call.ts";
import { camel, optionName } from "../names.ts";
import { unsupported } from "../outcome.ts";
import { find, resolve, type Target } from "../resolve.ts";
import { arrange, arrangeNew } from "../signature.ts";
import { beside } from "./operators.ts";
import { Callable, Float, type Keywords, Manager, plain, truth } from "./values.ts";

/** A name below `torch` that nobody has called or read yet. */
export class Path {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
}

type Space = Readonly<Record<string, unknown>>;

/** ★ Where PyTorch's modules are. */
const spaces: Readonly<Record<string, Space>> = {
  torch: dl as never,
  "torch.autograd": autograd as never,
  "torch.autograd.functional": autograd as never,
  "torch.nn": nn as never,
  "torch.nn.functional": nn.functional as never,
  "torch.nn.init": nn.init as never,
  "torch.nn.utils": nn.utils as never,
  "torch.optim": optim as never,
  "torch.optim.lr_scheduler": optim.lrScheduler as never,
};

const dtypeNames: Readonly<Record<string, dl.DType>> = {
  float: "float32",
  double: "float64",
  half: "float16",
  long: "int64",
  int: "int32",
  short: "int16",
};

const managers: Readonly<Record<string, (enabled: unknown) => Manager>> = {
  "torch.no_grad": () => new Manager(dl.noGrad as never),
  "torch.inference_mode": () => new Manager(dl.noGrad as never),
  "torch.enable_grad": () => new Manager(dl.enableGrad as never),
  "torch.set_grad_enabled": (enabled) => gradEnabled(truth(enabled)),
  "torch.autograd.set_grad_enabled": (enabled) => gradEnabled(truth(enabled)),
};

/** It holds from the call on, and what held before comes back where it stood in a `with`. */
function gradEnabled(enabled: boolean): Manager {
  const before = dl.isGradEnabled();
  dl.setGradEnabled(enabled);
  const run = <T>(body: () => T): T => {
    try {
      return body();
    } finally {
      dl.setGradEnabled(before);
    }
  };
  return new Manager(run);
}

/** `isinstance(value, torch.Tensor)`: of one class, or of one among several. */
export function isInstance(value: unknown, type: unknown): boolean {
  if (Array.isArray(type)) return type.some((one) => isInstance(value, one));
  const Class = type instanceof Path ? classAt(type.path) : undefined;
  return Class ? value instanceof Class : unsupported("isinstance of what is no class of PyTorch");
}

/** What a path stands for: a number, a dtype, or still a path. */
export function member(path: string): unknown {
  const name = path.slice(path.indexOf(".") + 1);
  if (path.startsWith("math.")) return constant(Math as never, name.toUpperCase()) ?? mathFunction(name);
  if (Object.hasOwn(dl.dtypes, name)) return name;
  if (Object.hasOwn(dtypeNames, name)) return dtypeNames[name];
  return (
    constant({ INF: Number.POSITIVE_INFINITY, NAN: Number.NaN, PI: Math.PI }, name.toUpperCase()) ?? new Path(path)
  );
}

function constant(space: Space, name: string): Float | undefined {
  if (name === "INF") return new Float(Number.POSITIVE_INFINITY);
  return Object.hasOwn(space, name) && typeof space[name] === "number" ? new Float(space[name]) : undefined;
}

function mathFunction(name: string): Callable {
  const fn = (Math as unknown as Space)[name];
  if (typeof fn !== "function") return unsupported(`math.${name}`);
  return new Callable((args) => new Float(fn(...args.map(plain)) as number));
}

/** The class that a path names, if it names one. */
export function classAt(path: string): (new (...args: unknown[]) => object) | undefined {
  const [space, name] = parted(path);
  return /^[A-Z]/.test(name) ? (spaces[space]?.[name] as never) : undefined;
}

function parted(path: string): [space: string, name: string] {
  const at = path.lastIndexOf(".");
  return [path.slice(0, at), path.slice(at + 1)];
}

export function callPath(path: string, args: readonly unknown[], keywords: Keywords): unknown {
  if (path === "torch.Size") return args[0] ?? [];
  const manager = managers[path];
  if (manager) return manager(args[0] ?? keywords["mode"] ?? true);
  const Class = classAt(path);
  if (Class) return new Class(...arrangeNew(Class, args.map(plain), plainValues(keywords)));
  const [space, name] = parted(path);
  const own = spaces[space]?.[camel(name)];
  const isTorch = space === "torch" || space === "torch.nn.functional";
  if (typeof own === "function" && !isTorch) return callFunction(own as never, undefined, args, keywords);
  return callTarget(find(path) ?? unsupported(path), args, keywords);
}

function plainValues(keywords: Keywords): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keywords).map(([name, value]) => [name, plain(value)]));
}

/** A function of the library that tells no names, or a method of its objects. */
export function callFunction(
  fn: (...args: unknown[]) => unknown,
  self: unknown,
  args: readonly unknown[],
  keywords: Keywords,
): unknown {
  // Not fn.apply: modules have a method of that name.
  return Reflect.apply(fn, self, arrange(fn, args.map(plain), plainValues(keywords)));
}

/** Functions whose result has the dtype of the numbers that it is made from. */
const makers = new Set(["tensor", "as_tensor", "scalar_tensor", "arange", "full"].map((name) => `torch.${name}`));

/** Arguments in their order, keywords in one object behind; floats say what dtype comes of whole numbers. */
function callTarget(target: Target, args: readonly unknown[], keywords: Keywords): unknown {
  const { names } = target;
  const values = [...args, ...Object.values(keywords)];
  const tensors = tensorsIn(values);
  const first = tensors[0];
  const isWhole = first !== undefined && tensors.every(({ dtype }) => !isFloat(dtype));
  const given = (value: unknown, name: string | undefined): unknown =>
    isWhole && operands.has(name ?? "") ? plain(beside(first, value)) : plain(value);
  const options = Object.entries(keywords).map(([key, value]) => {
    const name = optionName(key, names);
    return [name, given(value, name)] as const;
  });
  const isMade = makers.has(target.path) && first === undefined && !("dtype" in keywords) && values.some(hasFloat);
  const all = Object.fromEntries(isMade ? [...options, ["dtype", "float32"]] : options);
  const positional = args.map((value, i) => given(value, names?.[i]));
  return target.call(Object.keys(all).length > 0 ? [...positional, all] : positional);
}

function hasFloat(value: unknown): boolean {
  return Array.isArray(value) ? value.some(hasFloat) : value instanceof Float;
}

/** `x.name` of a tensor. */
export function tensorMember(x: Tensor, name: string): unknown {
  if (name === "data") return x.detach();
  const own = (x as unknown as Space)[camel(name)];
  if (own !== undefined && typeof own !== "function") return own;
  const target = resolve(`Tensor.${name}`);
  const isUnnamed = target.names === undefined && own !== undefined;
  return new Callable((args, keywords) =>
    isUnnamed ? callFunction(own as never, x, args, keywords) : callTarget(target, [x, ...args], keywords),
  );
}

/** `object.name` of anything else that the library made. */
export function objectMember(object: object, name: string): unknown {
  const key = camel(name) in object ? camel(name) : name;
  const value = (object as Space)[key];
  if (value === undefined && !(key in object)) return unsupported(`the attribute ${name}`);
  if (typeof value !== "function" || value instanceof nn.Module) return value;
  return new Callable((args, keywords) => callFunction(value as never, object, args, keywords));
}

/** A subclass of `torch.autograd.Function`: only `apply` is asked for. */
export function customFunction(methods: ReadonlyMap<string, unknown>): Callable {
  const method =
    (name: string) =>
    (...args: unknown[]) =>
      plain((methods.get(name) as Callable).call(args, {})) as never;
  const apply = autograd.customFunction({ forward: method("forward"), backward: method("backward") });
  return new Callable((args) => apply(...args.map(plain)));
}
