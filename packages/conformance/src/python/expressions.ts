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

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  take(text: string): void {
    if (!this.accept(text)) unsupported(`"${this.next.text}" where "${text}" was expected`);
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
    while (this.accept(",") && this.#beginsExpression()) items.push(this.item());
    return { kind: "tuple", items };
  }

  /** An expression that may have a star before it. */
  item(): Expression {
    return this.accept("*") ? { kind: "star", value: this.expression() } : this.expression();
  }

  expression(): Expression {
    if (this.accept("lambda")) return this.#lambda();
    const yes = this.#or();
    if (!this.accept("if")) return yes;
    const test = this.#or();
    this.take("else");
    return { kind: "choice", test, yes, no: this.expression() };
  }

  parameters(end: string): Parameter[] {
    const list: Parameter[] = [];
    while (!this.accept(end)) {
      const stars = this.#stars();
      const name = this.takeKind("name");
      if (end === ")" && this.accept(":")) this.expression();
      list.push(this.accept("=") ? { name, stars, preset: this.expression() } : { name, stars });
      if (!this.accept(",") && !this.is(end)) unsupported(`"${this.next.text}" among parameters`);
    }
    return list;
  }

  /** What `for` assigns to: it ends before `in`. */
  target(): Expression {
    const items = [this.#postfix()];
    let isTuple = false;
    while (this.accept(",")) {
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
    return this.accept("**") ? 2 : this.accept("*") ? 1 : 0;
  }

  #lambda(): Expression {
    const parameters = this.parameters(":");
    return { kind: "lambda", parameters, body: this.expression() };
  }

  #or(): Expression {
    let left = this.#and();
    while (this.accept("or")) left = { kind: "logic", operator: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.accept("and")) left = { kind: "logic", operator: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    return this.accept("not") ? { kind: "unary", operator: "not", value: this.#not() } : this.#comparison();
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
    if (this.accept("not")) {
      this.take("in");
      return "not in";
    }
    const { text, kind } = this.next;
    if (kind === "text" || !comparisons.has(text)) return undefined;
    this.#at++;
    return text === "is" && this.accept("not") ? "is not" : text;
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
      if (this.accept(operator)) return { kind: "unary", operator, value: this.#unary() };
    }
    const left = this.#postfix();
    return this.accept("**") ? { kind: "binary", operator: "**", left, right: this.#unary() } : left;
  }

  #postfix(): Expression {
    let value = this.#primary();
    for (;;) {
      if (this.accept(".")) value = { kind: "attribute", object: value, name: this.takeKind("name") };
      else if (this.accept("(")) value = { kind: "call", callee: value, args: this.#arguments() };
      else if (this.accept("[")) value = { kind: "subscript", object: value, index: this.#index() };
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
    if (this.accept(")")) return { kind: "tuple", items: [] };
    const value = this.tuple();
    const result = this.is("for") ? this.#comprehension(value) : value;
    this.take(")");
    return result;
  }

  #list(): Expression {
    const items: Expression[] = [];
    while (!this.accept("]")) {
      items.push(this.item());
      if (this.is("for")) {
        const made = this.#comprehension(items[0]!);
        this.take("]");
        return made;
      }
      if (!this.accept(",") && !this.is("]")) unsupported(`"${this.next.text}" in a list`);
    }
    return { kind: "list", items };
  }

  #dict(): Expression {
    const entries: [Expression, Expression][] = [];
    while (!this.accept("}")) {
      const key = this.expression();
      this.take(":");
      entries.push([key, this.expression()]);
      if (this.is("for")) {
        const made = this.#comprehension(entries[0]![1], key);
        this.take("}");
        return made;
      }
      if (!this.accept(",") && !this.is("}")) unsupported(`"${this.next.text}" in a dictionary`);
    }
    return { kind: "dict", entries };
  }

  #comprehension(item: Expression, key?: Expression): Expression {
    const clauses: Clause[] = [];
    while (this.accept("for")) {
      const target = this.target();
      this.take("in");
      const values = this.#or();
      const tests: Expression[] = [];
      while (this.accept("if")) tests.push(this.#or());
      clauses.push({ target, values, tests });
    }
    return { kind: "comprehension", item, clauses, ...(key && { key }) };
  }

  #arguments(): Argument[] {
    const list: Argument[] = [];
    while (!this.accept(")")) {
      const stars = this.#stars();
      const value = this.expression();
      if (value.kind === "name" && this.accept("=")) list.push({ name: value.name, stars, value: this.expression() });
      else list.push({ stars, value: this.is("for") ? this.#comprehension(value) : value });
      if (!this.accept(",") && !this.is(")")) unsupported(`"${this.next.text}" among arguments`);
    }
    return list;
  }

  #index(): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    while (!this.accept("]")) {
      items.push(this.#indexItem());
      if (this.accept(",")) isTuple = true;
    }
    return isTuple ? { kind: "tuple", items } : items[0]!;
  }

  #indexItem(): Expression {
    const parts: (Expression | null)[] = [null];
    while (!this.is(",") && !this.is("]")) {
      if (this.accept(":")) parts.push(null);
      else parts[parts.length - 1] = this.item();
    }
    return parts.length > 1 ? { kind: "slice", parts } : parts[0]!;
  }
}
