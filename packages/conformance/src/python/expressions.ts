/** Expressions from tokens, by precedence. */
import { unsupported } from "../outcome.ts";
import type { Argument, Clause, Comparison, Expression, Parameter } from "./syntax.ts";
import type { Token } from "./tokens.ts";

/** Binary operators, the loosest first. */
const ranks: readonly (readonly string[])[] = [
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "//", "%", "@"],
];

const comparisons = new Set(["<", ">", "==", ">=", "<=", "!=", "in", "is"]);
const constants: Readonly<Record<string, unknown>> = { True: true, False: false, None: null };

export class ExpressionParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get next(): Token {
    return this.#tokens[this.#at]!;
  }

  is(text: string): boolean {
    const { kind } = this.next;
    return this.next.text === text && kind !== "text" && kind !== "end";
  }

  skip(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  take(text: string): void {
    if (!this.skip(text)) unsupported(`"${this.next.text}" where "${text}" was expected`);
  }

  takeKind(kind: Token["kind"]): string {
    if (this.next.kind !== kind) unsupported(`"${this.next.text}" where a ${kind} was expected`);
    return this.#tokens[this.#at++]!.text;
  }

  /** One expression, or a tuple without parentheses. */
  tuple(): Expression {
    const first = this.item();
    if (!this.is(",")) return first;
    const items = [first];
    while (this.skip(",") && this.#beginsExpression()) items.push(this.item());
    return { kind: "tuple", items };
  }

  /** An expression that may have a star before it. */
  item(): Expression {
    return this.skip("*") ? { kind: "star", value: this.expression() } : this.expression();
  }

  expression(): Expression {
    if (this.skip("lambda")) return this.#lambda();
    const yes = this.#or();
    if (!this.skip("if")) return yes;
    const test = this.#or();
    this.take("else");
    return { kind: "choice", test, yes, no: this.expression() };
  }

  parameters(end: string): Parameter[] {
    const list: Parameter[] = [];
    while (!this.skip(end)) {
      const stars = this.#stars();
      const name = this.takeKind("name");
      if (end === ")" && this.skip(":")) this.expression();
      list.push(this.skip("=") ? { name, stars, preset: this.expression() } : { name, stars });
      if (!this.skip(",") && !this.is(end)) unsupported(`"${this.next.text}" among parameters`);
    }
    return list;
  }

  /** What `for` assigns to: it ends before `in`. */
  target(): Expression {
    const items = [this.#postfix()];
    let isTuple = false;
    while (this.skip(",")) {
      isTuple = true;
      if (!this.is("in")) items.push(this.#postfix());
    }
    return isTuple ? { kind: "tuple", items } : items[0]!;
  }

  #beginsExpression(): boolean {
    const { kind, text } = this.next;
    return kind === "operator" ? "([{-~+*...".includes(text) : kind !== "newline" && kind !== "end" && text !== "in";
  }

  #stars(): 0 | 1 | 2 {
    return this.skip("**") ? 2 : this.skip("*") ? 1 : 0;
  }

  #lambda(): Expression {
    const parameters = this.parameters(":");
    return { kind: "lambda", parameters, body: this.expression() };
  }

  #or(): Expression {
    let left = this.#and();
    while (this.skip("or")) left = { kind: "logic", operator: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.skip("and")) left = { kind: "logic", operator: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    return this.skip("not") ? { kind: "unary", operator: "not", value: this.#not() } : this.#comparison();
  }

  #comparison(): Expression {
    const first = this.#binary(0);
    const rest: Comparison[] = [];
    for (let operator = this.#operator(); operator !== undefined; operator = this.#operator()) {
      rest.push({ operator, right: this.#binary(0) });
    }
    return rest.length > 0 ? { kind: "compare", first, rest } : first;
  }

  /** A comparison, of one word or two. */
  #operator(): string | undefined {
    if (this.skip("not")) {
      this.take("in");
      return "not in";
    }
    const { text, kind } = this.next;
    if (kind === "text" || !comparisons.has(text)) return undefined;
    this.#at++;
    return text === "is" && this.skip("not") ? "is not" : text;
  }

  #binary(rank: number): Expression {
    if (rank === ranks.length) return this.#unary();
    let left = this.#binary(rank + 1);
    while (this.next.kind === "operator" && ranks[rank]!.includes(this.next.text)) {
      const operator = this.takeKind("operator");
      left = { kind: "binary", operator, left, right: this.#binary(rank + 1) };
    }
    return left;
  }

  #unary(): Expression {
    for (const operator of ["-", "+", "~"]) {
      if (this.skip(operator)) return { kind: "unary", operator, value: this.#unary() };
    }
    const left = this.#postfix();
    return this.skip("**") ? { kind: "binary", operator: "**", left, right: this.#unary() } : left;
  }

  #postfix(): Expression {
    let value = this.#primary();
    for (;;) {
      if (this.skip(".")) value = { kind: "attribute", object: value, name: this.takeKind("name") };
      else if (this.skip("(")) value = { kind: "call", callee: value, args: this.#arguments() };
      else if (this.skip("[")) value = { kind: "subscript", object: value, index: this.#index() };
      else return value;
    }
  }

  #primary(): Expression {
    const { kind, text } = this.next;
    this.#at++;
    if (kind === "number") return { kind: "number", text };
    if (kind === "text") return { kind: "literal", value: text };
    if (kind === "name") {
      return Object.hasOwn(constants, text)
        ? { kind: "literal", value: constants[text] }
        : { kind: "name", name: text };
    }
    if (text === "...") return { kind: "literal", value: text };
    if (text === "(") return this.#group();
    if (text === "[") return this.#list();
    if (text === "{") return this.#dict();
    return unsupported(`"${text}" in an expression`);
  }

  /** A tuple, a generator, or what stood in parentheses. */
  #group(): Expression {
    if (this.skip(")")) return { kind: "tuple", items: [] };
    const value = this.tuple();
    const result = this.is("for") ? this.#comprehension(value) : value;
    this.take(")");
    return result;
  }

  #list(): Expression {
    const items: Expression[] = [];
    while (!this.skip("]")) {
      items.push(this.item());
      if (this.is("for")) {
        const made = this.#comprehension(items[0]!);
        this.take("]");
        return made;
      }
      if (!this.skip(",") && !this.is("]")) unsupported(`"${this.next.text}" in a list`);
    }
    return { kind: "list", items };
  }

  #dict(): Expression {
    const entries: [Expression, Expression][] = [];
    while (!this.skip("}")) {
      const key = this.expression();
      this.take(":");
      entries.push([key, this.expression()]);
      if (this.is("for")) {
        const made = this.#comprehension(entries[0]![1], key);
        this.take("}");
        return made;
      }
      if (!this.skip(",") && !this.is("}")) unsupported(`"${this.next.text}" in a dictionary`);
    }
    return { kind: "dict", entries };
  }

  #comprehension(item: Expression, key?: Expression): Expression {
    const clauses: Clause[] = [];
    while (this.skip("for")) {
      const target = this.target();
      this.take("in");
      const values = this.#or();
      const tests: Expression[] = [];
      while (this.skip("if")) tests.push(this.#or());
      clauses.push({ target, values, tests });
    }
    return { kind: "comprehension", item, clauses, ...(key && { key }) };
  }

  #arguments(): Argument[] {
    const list: Argument[] = [];
    while (!this.skip(")")) {
      const stars = this.#stars();
      const value = this.expression();
      if (value.kind === "name" && this.skip("=")) list.push({ name: value.name, stars, value: this.expression() });
      else list.push({ stars, value: this.is("for") ? this.#comprehension(value) : value });
      if (!this.skip(",") && !this.is(")")) unsupported(`"${this.next.text}" among arguments`);
    }
    return list;
  }

  #index(): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    while (!this.skip("]")) {
      items.push(this.#indexItem());
      if (this.skip(",")) isTuple = true;
    }
    return isTuple ? { kind: "tuple", items } : items[0]!;
  }

  #indexItem(): Expression {
    const parts: (Expression | null)[] = [null];
    while (!this.is(",") && !this.is("]")) {
      if (this.skip(":")) parts.push(null);
      else parts[parts.length - 1] = this.item();
    }
    return parts.length > 1 ? { kind: "slice", parts } : parts[0]!;
  }
}
