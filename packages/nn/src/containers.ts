/** Modules made of modules: their items are named by position or by the user, and reached as `list[0]`. */
import { fail, type Tensor } from "@dl/tensor";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

function checkName(container: string, name: string): void {
  if (name === "" || name.includes("."))
    fail(container, `${JSON.stringify(name)} cannot name an item: it is empty or holds a dot`);
}

/** Items in order, found by name and by position. */
abstract class Container<T, In extends readonly unknown[], Out> extends Module<In, Out> {
  readonly [index: number]: T;
  readonly #items = new Map<string, T>();
  #shown = 0;

  protected override *members(): Iterable<readonly [string, unknown]> {
    yield* super.members();
    yield* this.#items;
  }

  /** The number of items. */
  get size(): number {
    return this.#items.size;
  }

  /** The item at a position (from the end where negative). */
  at(index: number): T {
    const item = [...this.#items.values()].at(index);
    return item ?? fail(this.getName(), `no item ${index}: it holds ${this.size}`);
  }

  keys(): string[] {
    return [...this.#items.keys()];
  }

  values(): T[] {
    return [...this.#items.values()];
  }

  entries(): [name: string, item: T][] {
    return [...this.#items];
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }

  protected find(name: string): T | undefined {
    return this.#items.get(name);
  }

  protected put(name: string, item: T): void {
    checkName(this.getName(), name);
    this.check(item, name);
    this.#items.set(name, item);
    this.#reindex();
  }

  protected remove(name: string): boolean {
    const removed = this.#items.delete(name);
    this.#reindex();
    return removed;
  }

  /** Renames all items by position. */
  protected replace(items: Iterable<T>): void {
    this.#items.clear();
    for (const item of items) this.put(String(this.#items.size), item);
    this.#reindex();
  }

  /** Throws for what may not be an item. */
  protected abstract check(item: T, name: string): void;

  /** Keeps `this[0]`, `this[1]`… in step; not enumerable, since items are listed by name. */
  #reindex(): void {
    const items = [...this.#items.values()];
    items.forEach((value, i) => void Object.defineProperty(this, i, { value, configurable: true }));
    for (let i = items.length; i < this.#shown; i++) Reflect.deleteProperty(this, i);
    this.#shown = items.length;
  }
}

function checkModule(container: string, item: unknown, name: string): void {
  if (!(item instanceof Module))
    fail(container, `item ${name} is no module`, "Wrap functions in a Module of their own");
}

/**
 * Runs modules one after the other. Items are numbered, or named by the keys of one object.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 * @example new Sequential(new Linear(2, 8), new Tanh(), new Linear(8, 1))
 * @example new Sequential({ hidden: new Linear(2, 8), act: new Tanh(), head: new Linear(8, 1) })
 */
export class Sequential<In extends readonly unknown[] = [input: Tensor], Out = Tensor> extends Container<
  Module,
  In,
  Out
> {
  constructor(...modules: readonly Module[] | readonly [named: Readonly<Record<string, Module>>]) {
    super();
    const [first] = modules;
    const named =
      first !== undefined && !(first instanceof Module) && modules.length === 1 && typeof first === "object";
    const entries = named ? Object.entries(first as Record<string, Module>) : modules.entries();
    for (const [name, module] of entries) this.put(String(name), module as Module);
  }

  forward(...input: In): Out {
    const [first, ...rest] = this.values();
    if (!first) return input[0] as Out;
    let x: unknown = first(...input);
    for (const module of rest) x = module(x);
    return x as Out;
  }

  protected override check(item: Module, name: string): void {
    checkModule("Sequential", item, name);
  }

  /** Adds a module at the end. */
  append(module: Module): this {
    this.put(String(this.size), module);
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<Module>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  /** Puts a module before position `index`; all items are renumbered. */
  insert(index: number, module: Module): this {
    this.replace(this.values().toSpliced(index, 0, module));
    return this;
  }

  /** A new Sequential of some of the same modules. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(Object.fromEntries(this.entries().slice(start, end)));
  }
}

/** A list of modules that is seen from outside; it computes nothing itself. @see https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html */
export class ModuleList<M extends Module = Module> extends Container<M, never[], never> {
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  forward(): never {
    return fail("ModuleList", "a list computes nothing", "Call its items: for (const layer of list) x = layer(x)");
  }

  protected override check(item: M, name: string): void {
    checkModule("ModuleList", item, name);
  }

  append(module: M): this {
    this.put(String(this.size), module);
    return this;
  }

  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  insert(index: number, module: M): this {
    this.replace(this.values().toSpliced(index, 0, module));
    return this;
  }
}

/** Modules by name. @see https://pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html */
export class ModuleDict<M extends Module = Module> extends Container<M, never[], never> {
  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}) {
    super();
    this.update(modules);
  }

  forward(): never {
    return fail("ModuleDict", "a dictionary computes nothing", "Call its items: dict.get(name)(x)");
  }

  protected override check(item: M, name: string): void {
    checkModule("ModuleDict", item, name);
  }

  /** @throws TensorError when there is no such item */
  get(name: string): M {
    return this.find(name) ?? fail("ModuleDict", `no item "${name}"; there are ${this.keys().join(", ") || "none"}`);
  }

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  set(name: string, module: M): this {
    this.put(name, module);
    return this;
  }

  delete(name: string): boolean {
    return this.remove(name);
  }

  update(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]>): this {
    for (const [name, module] of pairs(modules)) this.set(name, module);
    return this;
  }
}

function pairs<T>(items: Readonly<Record<string, T>> | Iterable<readonly [string, T]>): Iterable<readonly [string, T]> {
  return Symbol.iterator in items ? (items as Iterable<readonly [string, T]>) : Object.entries(items);
}

function describeTensor(x: Tensor): string {
  const kind = x instanceof Parameter ? "Parameter" : "Tensor";
  return `${kind} containing: [${x.dtype} of size ${x.shape.join("x")}]`;
}

/** Tensors become parameters; parameters stay. */
function asParameter(value: Tensor): Parameter {
  return value instanceof Parameter ? value : new Parameter(value);
}

abstract class ParameterContainer extends Container<Parameter, never[], never> {
  forward(): never {
    return fail(this.getName(), "it computes nothing", "Use its items");
  }

  protected override check(): void {}

  override extraRepr(): string {
    return this.entries()
      .map(([name, value]) => `  (${name}): ${describeTensor(value)}`)
      .join("\n");
  }

  override toString(): string {
    const text = this.extraRepr();
    return text === "" ? `${this.getName()}()` : `${this.getName()}(\n${text.replaceAll(/^/gm, "  ")}\n)`;
  }
}

/** A list of parameters. @see https://pytorch.org/docs/stable/generated/torch.nn.ParameterList.html */
export class ParameterList extends ParameterContainer {
  constructor(values: Iterable<Tensor> = []) {
    super();
    this.extend(values);
  }

  append(value: Tensor): this {
    this.put(String(this.size), asParameter(value));
    return this;
  }

  extend(values: Iterable<Tensor>): this {
    for (const value of values) this.append(value);
    return this;
  }
}

/** Parameters by name. @see https://pytorch.org/docs/stable/generated/torch.nn.ParameterDict.html */
export class ParameterDict extends ParameterContainer {
  constructor(values: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]> = {}) {
    super();
    this.update(values);
  }

  /** @throws TensorError when there is no such item */
  get(name: string): Parameter {
    return this.find(name) ?? fail("ParameterDict", `no item "${name}"; there are ${this.keys().join(", ") || "none"}`);
  }

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  set(name: string, value: Tensor): this {
    this.put(name, asParameter(value));
    return this;
  }

  delete(name: string): boolean {
    return this.remove(name);
  }

  update(values: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>): this {
    for (const [name, value] of pairs(values)) this.set(name, value);
    return this;
  }
}
