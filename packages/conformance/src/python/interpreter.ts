/** Runs short Python programs that use PyTorch on the library. What is not understood is unsupported. */
import * as nn from "@dl/nn";
import { Tensor, TensorError, tensor } from "@dl/tensor";
import { mismatch, unsupported } from "../outcome.ts";
import { decorated, invoke, memberOf, raise, setMember } from "./access.ts";
import { builtins } from "./builtins.ts";
import { defineClass } from "./classes.ts";
import { augment, binary, compare, unary } from "./operators.ts";
import { bind, Scope } from "./scope.ts";
import { parseExpression, parseProgram } from "./statements.ts";
import type { Argument, Block, Clause, Expression, Handler, Parameter, Statement } from "./syntax.ts";
import { member, objectMember, Path } from "./torch.ts";
import { Callable, elements, Float, type Keywords, Manager, numeric, plain, truth } from "./values.ts";

/** How a block ended before its end. */
type Ending = { readonly kind: "return"; readonly value: unknown } | { readonly kind: "break" | "continue" };

const modules: readonly (readonly [string, unknown])[] = [
  ["torch", new Path("torch")],
  ["nn", new Path("torch.nn")],
  ["F", new Path("torch.nn.functional")],
  ["math", new Path("math")],
];

/** Runs a program and gives what it calls `result`, as JavaScript has it. */
export function runProgram(text: string): unknown {
  const scope = new Scope([...modules, ...Object.entries(builtins)]);
  new Interpreter(scope).run(parseProgram(text));
  return plain(scope.names.get("result") ?? null);
}

/** The value of an expression over given names; others are functions of PyTorch. @param literal what a number's text stands for */
export function evaluate(text: string, names: Keywords, literal: (text: string) => unknown = Number): unknown {
  return plain(
    new Interpreter(new Scope([...modules, ...Object.entries(names)]), literal).value(parseExpression(text)),
  );
}

function numberOf(text: string): unknown {
  return /^\d+$/.test(text) ? Number(text) : new Float(Number(text));
}

class Interpreter {
  readonly #scope: Scope;
  readonly #literal: (text: string) => unknown;

  constructor(scope: Scope, literal: (text: string) => unknown = numberOf) {
    this.#scope = scope;
    this.#literal = literal;
  }

  run(body: Block): Ending | undefined {
    for (const statement of body) {
      const ending = this.#execute(statement);
      if (ending) return ending;
    }
    return undefined;
  }

  #execute(node: Statement): Ending | undefined {
    switch (node.kind) {
      case "expression":
        return void this.value(node.value);
      case "assign":
        return this.#assignAll(node.targets, this.value(node.value));
      case "augment":
        return this.#assignAll([node.target], augment(node.operator, this.value(node.target), this.value(node.value)));
      case "return":
        return { kind: "return", value: node.value ? this.value(node.value) : null };
      case "break":
      case "continue":
        return { kind: node.kind };
      case "if":
        return this.run(truth(this.value(node.test)) ? node.body : node.otherwise);
      case "while":
        return this.#loop(node.body, () => truth(this.value(node.test)));
      case "for":
        return this.#for(node);
      case "with":
        return this.#with(node);
      case "def":
        return this.#define(node.name, this.#decorated(node));
      case "class":
        return this.#define(node.name, this.#class(node));
      case "try":
        return this.#try(node);
      case "import":
        return this.#import(node);
      case "assert":
        return truth(this.value(node.values[0]!)) ? undefined : raise("an assertion does not hold");
      case "raise":
        return raise("the program raises an error");
      case "delete":
        return this.#delete(node.values);
      case "pass":
        return undefined;
    }
  }

  #define(name: string, value: unknown): undefined {
    this.#scope.names.set(name, value);
  }

  #assignAll(targets: readonly Expression[], value: unknown): undefined {
    for (const target of targets) this.assign(target, value);
  }

  #import({ names }: Extract<Statement, { kind: "import" }>): undefined {
    for (const [path, name] of names) this.#define(name, path.includes(".") ? member(path) : new Path(path));
  }

  #delete(values: readonly Expression[]): undefined {
    for (const value of values) if (value.kind === "name") this.#scope.names.delete(value.name);
  }

  #for({ target, values, body }: Extract<Statement, { kind: "for" }>): Ending | undefined {
    const rest = elements(this.value(values))[Symbol.iterator]();
    return this.#loop(body, () => {
      const { done, value } = rest.next();
      if (!done) this.assign(target, value);
      return !done;
    });
  }

  #loop(body: Block, goesOn: () => boolean): Ending | undefined {
    while (goesOn()) {
      const ending = this.run(body);
      if (ending?.kind === "break") return undefined;
      if (ending?.kind === "return") return ending;
    }
    return undefined;
  }

  #with({ contexts, body }: Extract<Statement, { kind: "with" }>): Ending | undefined {
    const [first, ...others] = contexts;
    if (!first) return this.run(body);
    const manager = this.value(first.value);
    if (!(manager instanceof Manager)) return unsupported("this context manager");
    return manager.run(() => this.#with({ kind: "with", contexts: others, body }));
  }

  #try({ body, handlers, otherwise, final }: Extract<Statement, { kind: "try" }>): Ending | undefined {
    try {
      let ending: Ending | undefined;
      try {
        ending = this.run(body);
      } catch (error) {
        return this.#handle(error, handlers);
      }
      return ending ?? this.run(otherwise);
    } finally {
      this.run(final);
    }
  }

  #handle(error: unknown, [handler]: readonly Handler[]): Ending | undefined {
    if (!(error instanceof TensorError) || !handler) throw error;
    if (handler.name !== undefined) this.#define(handler.name, error.message);
    return this.run(handler.body);
  }

  #class({ name, bases, body }: Extract<Statement, { kind: "class" }>): unknown {
    const inside = new Scope([], this.#scope);
    new Interpreter(inside, this.#literal).run(body);
    return defineClass(
      name,
      bases.map((base) => this.value(base)),
      inside.names,
    );
  }

  #decorated(node: Extract<Statement, { kind: "def" }>): unknown {
    return node.decorators.reduceRight<unknown>((fn, by) => decorated(this.value(by), fn), this.#function(node));
  }

  #function({
    parameters,
    body,
  }: {
    readonly parameters: readonly Parameter[];
    readonly body: Block | Expression;
  }): Callable {
    const presets = new Map(parameters.flatMap(({ name, preset }) => (preset ? [[name, this.value(preset)]] : [])));
    return new Callable((args, keywords) => {
      const scope = new Scope(bind(parameters, args, keywords, presets), this.#scope);
      const inner = new Interpreter(scope, this.#literal);
      if ("kind" in body) return inner.value(body);
      const ending = inner.run(body);
      return ending?.kind === "return" ? ending.value : null;
    });
  }

  assign(target: Expression, value: unknown): void {
    if (target.kind === "name") this.#define(target.name, value);
    else if (target.kind === "tuple" || target.kind === "list") {
      const values = elements(value);
      const names = target.items.length;
      if (values.length !== names) mismatch("program", `${values.length} values for ${names} names`);
      for (const [i, item] of target.items.entries()) this.assign(item, values[i]);
    } else if (target.kind === "attribute") setMember(this.value(target.object), target.name, value);
    else if (target.kind === "subscript") this.#setItem(this.value(target.object), target.index, value);
    else unsupported("this assignment");
  }

  #setItem(object: unknown, index: Expression, value: unknown): void {
    if (object instanceof Tensor) object.set_(...(this.#places(index) as never[]), plain(value) as never);
    else if (object instanceof Map) object.set(this.value(index), value);
    else {
      const key = numeric(this.value(index));
      (object as unknown[])[key < 0 ? key + (object as unknown[]).length : key] = value;
    }
  }

  value(node: Expression): unknown {
    switch (node.kind) {
      case "literal":
        return node.value;
      case "number":
        return this.#literal(node.text);
      case "name":
        return this.#scope.find(node.name);
      case "list":
      case "tuple":
        return this.#items(node.items);
      case "dict":
        return new Map(node.entries.map(([key, value]) => [this.value(key), this.value(value)]));
      case "unary":
        return unary(node.operator, this.value(node.value));
      case "binary":
        return binary(node.operator, this.value(node.left), this.value(node.right));
      case "compare":
        return this.#compare(node);
      case "logic":
        return this.#logic(node);
      case "choice":
        return this.value(truth(this.value(node.test)) ? node.yes : node.no);
      case "lambda":
        return this.#function(node);
      case "attribute":
        return memberOf(this.value(node.object), node.name);
      case "call":
        return this.#call(node.callee, node.args);
      case "subscript":
        return this.#item(this.value(node.object), node.index);
      case "comprehension":
        return this.#comprehension(node);
      default:
        return unsupported(`a ${node.kind} here`);
    }
  }

  #items(items: readonly Expression[]): unknown[] {
    return items.flatMap((item) => (item.kind === "star" ? elements(this.value(item.value)) : [this.value(item)]));
  }

  #logic({ operator, left, right }: Extract<Expression, { kind: "logic" }>): unknown {
    const first = this.value(left);
    return truth(first) === (operator === "or") ? first : this.value(right);
  }

  #compare({ first, rest }: Extract<Expression, { kind: "compare" }>): unknown {
    let left = this.value(first);
    let result: unknown = true;
    for (const { operator, right } of rest) {
      const value = this.value(right);
      result = compare(operator, left, value);
      if (rest.length > 1 && !truth(result)) return false;
      left = value;
    }
    return result;
  }

  #call(callee: Expression, args: readonly Argument[]): unknown {
    const fn = this.value(callee);
    const positional: unknown[] = [];
    const keywords: Record<string, unknown> = {};
    for (const { name, stars, value } of args) {
      const given = this.value(value);
      if (name !== undefined) keywords[name] = given;
      else if (stars === 0) positional.push(given);
      else if (stars === 1) positional.push(...elements(given));
      else Object.assign(keywords, plain(given));
    }
    return invoke(fn, positional, keywords);
  }

  #item(object: unknown, index: Expression): unknown {
    if (object instanceof Tensor) return object.at(...(this.#places(index) as never[]));
    if (index.kind === "slice") return this.#slice(object, index.parts);
    const key = this.value(index);
    if (object instanceof Map) return object.has(key) ? object.get(key) : mismatch("program", `there is no key ${key}`);
    if (Array.isArray(object) || typeof object === "string") return object.at(numeric(key));
    if (object instanceof nn.ModuleDict) return object.get(String(key));
    if (object instanceof nn.Module && typeof key === "number") return elements(object).at(key);
    return objectMember(object as object, String(key));
  }

  #slice(object: unknown, parts: readonly (Expression | null)[]): unknown {
    const [start, stop, step = 1] = parts.map((part) => (part ? numeric(this.value(part)) : undefined));
    if (step !== 1) return unsupported("steps in slices of lists");
    return typeof object === "string" ? object.slice(start, stop) : elements(object).slice(start, stop);
  }

  /** Indices as the library takes them: slices are lists, lists are tensors. */
  #places(index: Expression): unknown[] {
    const nodes = index.kind === "tuple" ? index.items : [index];
    return nodes.flatMap((node) => {
      if (node.kind === "slice") return [node.parts.map((part) => (part ? plain(this.value(part)) : null))];
      const value = this.value(node);
      if (!Array.isArray(value)) return [plain(value)];
      const isList = value.every((item) => ["number", "boolean"].includes(typeof item) || Array.isArray(item));
      return isList && node.kind !== "tuple" ? [tensor(plain(value) as never)] : (plain(value) as unknown[]);
    });
  }

  #comprehension({ item, key, clauses }: Extract<Expression, { kind: "comprehension" }>): unknown {
    const inner = new Interpreter(new Scope([], this.#scope), this.#literal);
    const found: unknown[] = [];
    inner.#each(clauses, () => void found.push(key ? [inner.value(key), inner.value(item)] : inner.value(item)));
    return key ? new Map(found as [unknown, unknown][]) : found;
  }

  #each([first, ...others]: readonly Clause[], body: () => void): void {
    if (!first) body();
    else this.#eachOf(first, others, body);
  }

  #eachOf(first: Clause, others: readonly Clause[], body: () => void): void {
    for (const value of elements(this.value(first.values))) {
      this.assign(first.target, value);
      if (first.tests.every((test) => truth(this.value(test)))) this.#each(others, body);
    }
  }
}
