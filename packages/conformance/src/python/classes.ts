/** Classes that a program defines: on the library's, or on nothing. */
import { Module } from "@dl/nn";
import { camel } from "../names.ts";
import { unsupported } from "../outcome.ts";
import { classAt, customFunction, Path } from "./torch.ts";
import { Callable, Instance, type Keywords, plain } from "./values.ts";

type Members = ReadonlyMap<string, unknown>;

/** The value of a class statement: it makes instances when it is called. */
export function defineClass(name: string, bases: readonly unknown[], own: Members): unknown {
  const [base] = bases;
  if (base instanceof Path && base.path === "torch.autograd.Function") {
    return new Instance(new Map([["apply", customFunction(own)]]));
  }
  const Base = base instanceof Path ? classAt(base.path) : undefined;
  if (Base) return moduleClass(name, Base, own);
  if (base !== undefined) return unsupported(`subclasses of what is not the library's`);
  return new Callable((args, keywords) => {
    const made = new Instance(own);
    if (own.has("__init__")) bound(own.get("__init__"), made).call(args, keywords);
    return made;
  });
}

function moduleClass(name: string, Base: new (...args: unknown[]) => object, own: Members): Callable {
  const start = own.get("__init__") as Callable | undefined;
  if (start && Base !== (Module as unknown)) return unsupported("constructors of subclasses of layers");
  const Class = { [name]: class extends Base {} }[name]!;
  for (const [method, value] of own) {
    if (!(value instanceof Callable) || method === "__init__") continue;
    Object.defineProperty(Class.prototype, camel(method), {
      configurable: true,
      writable: true,
      value(this: unknown, ...args: unknown[]): unknown {
        return plain(value.call([this, ...args], {}));
      },
    });
  }
  return new Callable((args: readonly unknown[], keywords: Keywords) => {
    const made = new Class(...(start ? [] : args.map(plain)));
    start?.call([made, ...args], keywords);
    return made;
  });
}

function bound(method: unknown, self: Instance): Callable {
  return new Callable((args, keywords) => (method as Callable).call([self, ...args], keywords));
}

export function instanceMember(self: Instance, name: string): unknown {
  if (self.fields.has(name)) return self.fields.get(name);
  const method = self.methods.get(name) ?? unsupported(`the attribute ${name}`);
  return method instanceof Callable && name !== "apply" ? bound(method, self) : method;
}
