/** Where the names of a program stand for something. */
import { unsupported } from "../outcome.ts";
import type { Parameter } from "./syntax.ts";
import { Path } from "./torch.ts";
import type { Keywords } from "./values.ts";

/** Names, and where to look for those that are not here. */
export class Scope {
  readonly names: Map<string, unknown>;
  readonly #outer: Scope | undefined;

  constructor(names: Iterable<readonly [string, unknown]>, outer?: Scope) {
    this.names = new Map(names);
    this.#outer = outer;
  }

  find(name: string): unknown {
    if (this.names.has(name)) return this.names.get(name);
    return this.#outer ? this.#outer.find(name) : new Path(`torch.${name}`);
  }
}

/** Arguments at the names of a function's parameters. */
export function bind(
  parameters: readonly Parameter[],
  args: readonly unknown[],
  keywords: Keywords,
  presets: ReadonlyMap<string, unknown>,
): [string, unknown][] {
  const rest = { ...keywords };
  const star = parameters.findIndex(({ stars }) => stars === 1);
  const bound = parameters.map(({ name, stars }, i): [string, unknown] => {
    if (stars === 1) return [name, args.slice(i)];
    if (stars === 2) return [name, new Map(Object.entries(rest))];
    const value = i < args.length && (star < 0 || i < star) ? args[i] : name in rest ? rest[name] : presets.get(name);
    delete rest[name];
    return [name, value];
  });
  if (args.length > parameters.length && star < 0) unsupported("a call with too many arguments");
  return bound;
}
