/** Modules made of modules: their items are named by position or by the user, and reached as `list[0]`. */
import { type DType, fail, type Tensor } from "@dl/tensor";
import { type Copy, FILL } from "./copying.ts";
import { checkName } from "./fields.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { pickFirst } from "./role.ts";
import { PUT } from "./stand-ins.ts";

/** What items are. */
type Kind = typeof Module | typeof Parameter;

/** Items of type `T`, made of values of type `V`, in order, found by name and by position. */
abstract class Container<T, V, In extends readonly unknown[], Out> extends Module<In, Out> {
  [index: number]: T;
  readonly #kind: Kind;
  readonly #items = new Map<string, T>();
  #order: string[] = [];

  constructor(kind: Kind) {
    super();
    this.#kind = kind;
  }

  override emptyCopy(_memo: Map<unknown, unknown>): this {
    return Object.setPrototypeOf(Reflect.construct(Container, [this.#kind]), Object.getPrototypeOf(this));
  }

  /** @internal */
  override [FILL](into: this, copy: Copy): void {
    into.replace([]);
    super[FILL](into, copy);
    for (const [name, item] of this.#items) into.put(name, copy(item, name) as never);
  }

  /** Whether there was such an item to replace. @internal */
  [PUT](name: string, value: Tensor): boolean {
    if (!this.#items.has(name)) return false;
    this.#items.set(name, value as never);
    return true;
  }

  protected override *members(): Iterable<readonly [string, unknown]> {
    const beyond = Object.keys(this).find((key) => /^-?\d+$/.test(key));
    if (beyond !== undefined)
      fail(this.getName(), `no item ${beyond} to replace: it holds ${this.size}`, "Add items by name, or at the end");
    yield* super.members();
    yield* this.#items;
  }

  override registerParameter(name: string, value: Parameter | null): void {
    if (this.#kind === Parameter) this.put(name, value as V);
    else super.registerParameter(name, value);
  }

  override addModule(name: string, module: Module | null): void {
    if (this.#kind === Module) this.put(name, module as V);
    else super.addModule(name, module);
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

  protected put(name: string, value: V): void {
    checkName(this.getName(), name);
    this.#items.set(name, this.accept(value, name));
    this.#reindex();
    if (!(name in this)) this.#show(name, () => name);
  }

  protected remove(name: string): boolean {
    const removed = this.#items.delete(name);
    if (removed) this.#hide(name);
    this.#reindex();
    return removed;
  }

  /** Replaces all items; the new ones are named by their positions. */
  protected replace(items: Iterable<T>): void {
    for (const name of this.keys()) this.#hide(name);
    this.#items.clear();
    this.#reindex();
    for (const item of items) this.#items.set(String(this.#items.size), item);
    this.#reindex();
  }

  /** The item that is made of a value. @throws TensorError for a value that none can be made of */
  protected accept(value: V, name: string): T {
    if (value instanceof this.#kind) return value as never;
    return fail(this.getName(), `item ${name} is no module`, "Wrap functions in a Module of their own");
  }

  /** Updates the fields `this[0]`, `this[-1]`… They are not enumerable, since items are listed by name. */
  #reindex(): void {
    const [before, names] = [this.#order.length, this.keys()];
    for (let i = before; i < names.length; i++) {
      for (const at of [i, -1 - i]) this.#show(String(at), () => this.#order.at(at)!);
    }
    for (let i = names.length; i < before; i++) {
      for (const at of [i, -1 - i]) Reflect.deleteProperty(this, at);
    }
    this.#order = names;
    Object.defineProperty(this, "length", { value: names.length, configurable: true });
  }

  /** Defines a field through which an item can be read and replaced. */
  #show(key: string, nameOf: () => string): void {
    const access = { get: () => this.#items.get(nameOf()), set: (value: V) => this.put(nameOf(), value) };
    Object.defineProperty(this, key, { ...access, configurable: true });
  }

  /** Deletes the field of an item that was named by the user. */
  #hide(name: string): void {
    const isField = Object.getOwnPropertyDescriptor(this, name)?.get !== undefined;
    if (isField && !/^\d+$/.test(name)) Reflect.deleteProperty(this, name);
  }
}

/** Items by position. */
abstract class List<T, V, In extends readonly unknown[], Out> extends Container<T, V, In, Out> {
  /** The number of items. */
  declare readonly length: number;

  constructor(kind: Kind, values: Iterable<V>) {
    super(kind);
    this.replace([]);
    this.extend(values);
  }

  /** Adds an item at the end. */
  append(value: V): this {
    this.put(String(this.size), value);
    return this;
  }

  /** Adds items at the end. */
  extend(values: Iterable<V>): this {
    for (const value of values) this.append(value);
    return this;
  }

  /** Puts an item before position `index`; all items are renumbered. */
  insert(index: number, value: V): this {
    this.replace(this.values().toSpliced(index, 0, this.accept(value, String(index))));
    return this;
  }

  /** Takes the item at a position out (the last, if left out); all items are renumbered. */
  pop(index: number = -1): T {
    const item = this.at(index);
    this.replace(this.values().toSpliced(index, 1));
    return item;
  }
}

/** Items by name: an object, or pairs. */
export type NamedItems<V> = Readonly<Record<string, V>> | Iterable<readonly [string, V]>;

/** Items by name. */
abstract class Dictionary<T, V> extends Container<T, V, never[], never> {
  constructor(kind: Kind, values: NamedItems<V>) {
    super(kind);
    this.update(values);
  }

  forward(): never {
    return fail(this.getName(), "a dictionary computes nothing", "Use its items: dict.get(name)");
  }

  /** @throws TensorError when there is no such item */
  get(name: string): T {
    return this.find(name) ?? fail(this.getName(), `no item "${name}"; there are ${this.keys().join(", ") || "none"}`);
  }

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  set(name: string, value: V): this {
    this.put(name, value);
    return this;
  }

  delete(name: string): boolean {
    return this.remove(name);
  }

  update(values: NamedItems<V>): this {
    const pairs = Symbol.iterator in values ? (values as Iterable<readonly [string, V]>) : Object.entries(values);
    for (const [name, value] of pairs) this.set(name, value);
    return this;
  }
}

/**
 * Runs modules one after the other: each takes what the one before gave. Items are numbered, or named by the keys of one
 * object; these names stand in state dicts (`0.weight`, `hidden.weight`). Read and replace items by their numbers.
 * @throws TensorError for what is no module
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 * @example
 * const model = new Sequential(new Linear(2, 8), new Tanh(), new Linear(8, 1));
 * model(rand(5, 2)).shape; // [5, 1]
 * model[1] = new ReLU();
 * model.namedParameters().map(([name]) => name); // ["0.weight", "0.bias", "2.weight", "2.bias"]
 * @example new Sequential({ hidden: new Linear(2, 8), act: new Tanh(), head: new Linear(8, 1) })
 */
export class Sequential<In extends readonly unknown[] = [input: Tensor], Out = Tensor> extends List<
  Module,
  Module,
  In,
  Out
> {
  constructor(...modules: readonly Module[] | readonly [named: Readonly<Record<string, Module>>]) {
    const [first] = modules;
    const named =
      first !== undefined && !(first instanceof Module) && modules.length === 1 && typeof first === "object";
    super(Module, named ? [] : (modules as readonly Module[]));
    if (named) for (const [name, module] of Object.entries(first)) this.put(name, module);
  }

  forward(...input: In): Out {
    const [first, ...rest] = pickFirst(this.values());
    if (!first) return input[0] as Out;
    let x: unknown = first(...input);
    for (const step of rest) x = step(x);
    return x as Out;
  }

  /** A new Sequential of some of the same modules. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(Object.fromEntries(this.entries().slice(start, end)));
  }
}

/**
 * A list of modules that is seen from outside; it computes nothing itself.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
 * @example
 * const layers = new ModuleList([new Linear(4, 4), new Linear(4, 4)]);
 * let x: Tensor = rand(2, 4);
 * for (const layer of layers) x = layer(x).relu();
 */
export class ModuleList<M extends Module = Module> extends List<M, M, never[], never> {
  constructor(modules: Iterable<M> = []) {
    super(Module, modules);
  }

  forward(): never {
    return fail("ModuleList", "a list computes nothing", "Call its items: for (const layer of list) x = layer(x)");
  }
}

/**
 * Modules by name.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html
 * @example
 * const heads = new ModuleDict({ digits: new Linear(8, 10), letters: new Linear(8, 26) });
 * heads.get("letters")(rand(1, 8)).shape; // [1, 26]
 */
export class ModuleDict<M extends Module = Module> extends Dictionary<M, M> {
  constructor(modules: NamedItems<M> = {}) {
    super(Module, modules);
  }
}

/** Tensors become parameters; parameters stay. */
function asParameter(value: Tensor): Parameter {
  return value instanceof Parameter ? value : new Parameter(value);
}

/** PyTorch's text, indented once more than what other modules hold. */
function listParameters(items: Iterable<[string, Parameter]>, typeOf: (dtype: DType) => string): string {
  return Array.from(
    items,
    ([name, { dtype, shape }]) => `  (${name}): Parameter containing: [${typeOf(dtype)} of size ${shape.join("x")}]`,
  ).join("\n");
}

/** The older names, which dictionaries print. */
const typeNames: { readonly [D in DType]?: string } = {
  float64: "DoubleTensor",
  float16: "HalfTensor",
  bfloat16: "BFloat16Tensor",
};

/** A list of parameters. @see https://pytorch.org/docs/stable/generated/torch.nn.ParameterList.html */
export class ParameterList extends List<Parameter, Tensor, never[], never> {
  constructor(values: Iterable<Tensor> = []) {
    super(Parameter, values);
  }

  forward(): never {
    return fail("ParameterList", "it computes nothing", "Use its items");
  }

  protected override accept(value: Tensor): Parameter {
    return asParameter(value);
  }

  override extraRepr(): string {
    return listParameters(this.entries(), (dtype) => dtype);
  }
}

/** Parameters by name. @see https://pytorch.org/docs/stable/generated/torch.nn.ParameterDict.html */
export class ParameterDict extends Dictionary<Parameter, Tensor> {
  constructor(values: NamedItems<Tensor> = {}) {
    super(Parameter, values);
  }

  protected override accept(value: Tensor): Parameter {
    return asParameter(value);
  }

  override extraRepr(): string {
    return listParameters(this.entries(), (dtype) => typeNames[dtype] ?? "FloatTensor");
  }
}
