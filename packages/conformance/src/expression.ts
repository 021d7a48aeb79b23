/**
 * Short Python expressions, such as `x.reshape(3,1) @ x.reshape(1,3)` or `0.9 + 0.01*(e%3)`: parsed by precedence and
 * evaluated on numbers or on the library's tensors, whose methods and functions are found by name.
 */
import { type Index, Tensor } from "@dl/tensor";
import { camel } from "./names.ts";
import { unsupported } from "./outcome.ts";
import { find, resolve } from "./resolve.ts";

export type Scope = Readonly<Record<string, unknown>>;

/** A call's arguments: keywords last, in one object, if any. */
interface Arguments {
  readonly positional: unknown[];
  readonly keywords: Record<string, unknown>;
}

const token = /\s*(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|[A-Za-z_]\w*|\.\.\.|\*\*|\/\/|==|!=|<=|>=|[-+*/%@()[\],.:=<>~])/y;

type Binary = (a: never, b: never) => number;

/** What each operator is for numbers, and PyTorch's function for it. */
const binary: Readonly<Record<string, { readonly rank: number; readonly numbers: Binary; readonly path: string }>> = {
  "<": { rank: 1, numbers: (a, b) => Number(a < b), path: "torch.lt" },
  ">": { rank: 1, numbers: (a, b) => Number(a > b), path: "torch.gt" },
  "<=": { rank: 1, numbers: (a, b) => Number(a <= b), path: "torch.le" },
  ">=": { rank: 1, numbers: (a, b) => Number(a >= b), path: "torch.ge" },
  "==": { rank: 1, numbers: (a, b) => Number(a === b), path: "torch.eq" },
  "!=": { rank: 1, numbers: (a, b) => Number(a !== b), path: "torch.ne" },
  "+": { rank: 2, numbers: (a, b) => a + b, path: "torch.add" },
  "-": { rank: 2, numbers: (a, b) => a - b, path: "torch.sub" },
  "*": { rank: 3, numbers: (a, b) => a * b, path: "torch.mul" },
  "/": { rank: 3, numbers: (a, b) => a / b, path: "torch.div" },
  "//": { rank: 3, numbers: (a, b) => Math.floor(a / b), path: "torch.floor_divide" },
  "%": { rank: 3, numbers: (a, b) => a - b * Math.floor(a / b), path: "torch.remainder" },
  "@": { rank: 3, numbers: () => Number.NaN, path: "torch.matmul" },
};

const constants: Scope = { True: true, False: false, None: null };

/** @param literal what a number's text stands for */
export function evaluate(text: string, scope: Scope, literal: (text: string) => unknown = Number): unknown {
  const parser = new Parser(text, scope, literal);
  const value = parser.expression();
  if (parser.next !== undefined) unsupported(`the expression ${text}`);
  return value;
}

class Parser {
  readonly #text: string;
  readonly #scope: Scope;
  readonly #tokens: string[];
  readonly #literal: (text: string) => unknown;
  #at = 0;

  constructor(text: string, scope: Scope, literal: (text: string) => unknown) {
    this.#literal = literal;
    this.#text = text;
    this.#scope = scope;
    this.#tokens = split(text);
  }

  get next(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(wanted?: string): string {
    const found = this.next;
    if (found === undefined || (wanted !== undefined && found !== wanted)) unsupported(`the expression ${this.#text}`);
    this.#at++;
    return found;
  }

  #skip(wanted: string): boolean {
    if (this.next !== wanted) return false;
    this.#at++;
    return true;
  }

  expression(rank = 1): unknown {
    let left = this.#unary();
    for (;;) {
      const operator = this.next === undefined ? undefined : binary[this.next];
      if (!operator || operator.rank < rank) return left;
      this.#take();
      left = combine(operator, left, this.expression(operator.rank + 1));
    }
  }

  #unary(): unknown {
    if (this.#skip("-")) {
      const value = this.#unary();
      return typeof value === "number" ? -value : resolve("torch.neg").call([value]);
    }
    if (this.#skip("~")) return resolve("torch.bitwise_not").call([this.#unary()]);
    const base = this.#postfix();
    return this.#skip("**") ? power(base, this.#unary()) : base;
  }

  #postfix(): unknown {
    let value = this.#primary();
    for (;;) {
      if (this.#skip(".")) value = this.#member(value);
      else if (this.#skip("[")) value = subscript(value, this.#index());
      else return value;
    }
  }

  #member(self: unknown): unknown {
    const name = this.#take();
    if (!(self instanceof Tensor)) return (self as Scope)[camel(name)];
    const target = resolve(`Tensor.${name}`);
    return this.#skip("(") ? call(target.call, this.#arguments(), [self]) : target.call([self]);
  }

  #primary(): unknown {
    const text = this.#take();
    if (/^[\d.]/.test(text)) return this.#literal(text);
    if (text === "(") return this.#list(")", true);
    if (text === "[") return this.#list("]", false);
    if (Object.hasOwn(constants, text)) return constants[text];
    if (Object.hasOwn(this.#scope, text)) return this.#scope[text];
    return this.#function(text);
  }

  /** `softmax(x,0)`, `F.relu(x)`, `torch.nn.functional.relu(x)`. */
  #function(first: string): unknown {
    let path = first === "torch" ? "torch" : first === "F" ? "torch.nn.functional" : `torch.${first}`;
    while (this.#skip(".")) path += `.${this.#take()}`;
    const target = find(path) ?? unsupported(path);
    this.#take("(");
    return call(target.call, this.#arguments(), []);
  }

  /** A list, a tuple, or just what stood in parentheses. */
  #list(end: string, mayBeGroup: boolean): unknown {
    const items: unknown[] = [];
    let commas = 0;
    while (!this.#skip(end)) {
      items.push(this.expression());
      if (this.#skip(",")) commas++;
      else if (this.next !== end) unsupported(`the expression ${this.#text}`);
    }
    return mayBeGroup && commas === 0 && items.length === 1 ? items[0] : items;
  }

  #arguments(): Arguments {
    const found: Arguments = { positional: [], keywords: {} };
    while (!this.#skip(")")) {
      if (this.#tokens[this.#at + 1] === "=") {
        const name = this.#take();
        this.#take("=");
        found.keywords[camel(name)] = this.expression();
      } else found.positional.push(this.expression());
      if (!this.#skip(",") && this.next !== ")") unsupported(`the expression ${this.#text}`);
    }
    return found;
  }

  #index(): Index[] {
    const items: Index[] = [];
    while (!this.#skip("]")) {
      items.push(this.#indexItem());
      this.#skip(",");
    }
    return items;
  }

  #indexItem(): Index {
    if (this.#skip("...")) return "...";
    const parts: (number | null)[] = [];
    let colons = 0;
    let value: unknown = null;
    while (this.next !== "," && this.next !== "]") {
      if (this.#skip(":")) {
        parts.push(value as number | null);
        colons++;
        value = null;
      } else value = this.expression();
    }
    return colons > 0 ? [...parts, value as number | null] : (value as Index);
  }
}

function split(text: string): string[] {
  const found: string[] = [];
  token.lastIndex = 0;
  for (const end = text.trimEnd().length; token.lastIndex < end; ) {
    const match = token.exec(text) ?? unsupported(`the expression ${text}`);
    found.push(match[1]!);
  }
  return found;
}

function combine({ numbers, path }: (typeof binary)[string], a: unknown, b: unknown): unknown {
  if (a instanceof Tensor || b instanceof Tensor) return operate(path, a, b);
  return numbers(a as never, b as never);
}

function power(a: unknown, b: unknown): unknown {
  if (a instanceof Tensor || b instanceof Tensor) return operate("torch.pow", a, b);
  return (a as number) ** (b as number);
}

/** Python turns `1 - x` and `2 / x` round, so that the tensor comes first. */
function operate(path: string, a: unknown, b: unknown): unknown {
  if (a instanceof Tensor || path === "torch.pow") return resolve(path).call([a, b]);
  if (path === "torch.sub") return resolve("torch.rsub").call([b, a]);
  if (path === "torch.div") return resolve("torch.mul").call([resolve("torch.reciprocal").call([b]), a]);
  return resolve(path).call(path === "torch.add" || path === "torch.mul" ? [b, a] : [a, b]);
}

function call(
  fn: (args: readonly unknown[]) => unknown,
  { positional, keywords }: Arguments,
  first: unknown[],
): unknown {
  const options = Object.keys(keywords).length > 0 ? [keywords] : [];
  return fn([...first, ...positional, ...options]);
}

function subscript(value: unknown, index: readonly Index[]): unknown {
  if (value instanceof Tensor) return value.at(...index);
  return Array.isArray(value) ? value.at(index[0] as number) : unsupported("subscripts of what is no tensor");
}
