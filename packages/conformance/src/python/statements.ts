/** Programs from text. */
import { unsupported } from "../outcome.ts";
import { ExpressionParser } from "./expressions.ts";
import type { Block, Context, Expression, Handler, Statement } from "./syntax.ts";
import { tokenize } from "./tokens.ts";

export function parseProgram(text: string): Block {
  const parser = new StatementParser(tokenize(text));
  const body: Statement[] = [];
  while (parser.next.kind !== "end") body.push(...parser.line());
  return body;
}

export function parseExpression(text: string): Expression {
  const parser = new ExpressionParser(tokenize(text));
  const value = parser.tuple();
  parser.takeKind("newline");
  return value;
}

class StatementParser extends ExpressionParser {
  /** The statements of one line, with the lines that belong to it. */
  line(): Block {
    const compound = this.#compound();
    if (compound) return [compound];
    const list = [this.#simple()];
    while (this.accept(";")) if (this.next.kind !== "newline") list.push(this.#simple());
    this.takeKind("newline");
    return list;
  }

  #block(): Block {
    this.take(":");
    if (this.next.kind !== "newline") return this.line();
    this.takeKind("newline");
    this.takeKind("indent");
    const body: Statement[] = [];
    while (!this.ends) body.push(...this.line());
    this.takeKind("dedent");
    return body;
  }

  /** Whether an indented block does. */
  get ends(): boolean {
    return this.next.kind === "dedent";
  }

  #compound(): Statement | undefined {
    if (this.accept("if")) return this.#if();
    if (this.accept("while")) return { kind: "while", test: this.expression(), body: this.#block(), otherwise: [] };
    if (this.accept("for")) return this.#for();
    if (this.accept("with")) return this.#with();
    if (this.accept("try")) return this.#try();
    if (this.accept("class")) return this.#class();
    return this.is("def") || this.is("@") ? this.#def() : undefined;
  }

  #if(): Statement {
    const test = this.expression();
    const body = this.#block();
    const otherwise = this.accept("elif") ? [this.#if()] : this.accept("else") ? this.#block() : [];
    return { kind: "if", test, body, otherwise };
  }

  #for(): Statement {
    const target = this.target();
    this.take("in");
    return { kind: "for", target, values: this.tuple(), body: this.#block() };
  }

  #with(): Statement {
    const contexts: Context[] = [];
    do {
      const value = this.expression();
      contexts.push(this.accept("as") ? { value, target: this.expression() } : { value });
    } while (this.accept(","));
    return { kind: "with", contexts, body: this.#block() };
  }

  #try(): Statement {
    const body = this.#block();
    const handlers: Handler[] = [];
    while (this.accept("except")) {
      if (!this.is(":")) this.expression();
      const name = this.accept("as") ? this.takeKind("name") : undefined;
      handlers.push({ body: this.#block(), ...(name !== undefined && { name }) });
    }
    const otherwise = this.accept("else") ? this.#block() : [];
    return { kind: "try", body, handlers, otherwise, final: this.accept("finally") ? this.#block() : [] };
  }

  #def(): Statement {
    const decorators: Expression[] = [];
    while (this.accept("@")) {
      decorators.push(this.expression());
      this.takeKind("newline");
    }
    this.take("def");
    const name = this.takeKind("name");
    this.take("(");
    const parameters = this.parameters(")");
    if (this.accept("->")) this.expression();
    return { kind: "def", name, parameters, decorators, body: this.#block() };
  }

  #class(): Statement {
    const name = this.takeKind("name");
    const bases: Expression[] = [];
    if (this.accept("(")) {
      while (!this.accept(")")) {
        bases.push(this.expression());
        this.accept(",");
      }
    }
    return { kind: "class", name, bases, body: this.#block() };
  }

  #simple(): Statement {
    if (this.accept("import")) return this.#import("");
    if (this.accept("from")) {
      const path = this.#path();
      this.take("import");
      return this.#import(`${path}.`);
    }
    for (const kind of ["pass", "break", "continue"] as const) if (this.accept(kind)) return { kind };
    if (this.accept("return")) return { kind: "return", value: this.next.kind === "newline" ? null : this.tuple() };
    if (this.accept("raise")) return { kind: "raise", values: this.next.kind === "newline" ? [] : [this.tuple()] };
    if (this.accept("assert")) return { kind: "assert", values: this.#list() };
    if (this.accept("del")) return { kind: "delete", values: this.#list() };
    return this.#assignment();
  }

  #list(): Expression[] {
    const value = this.tuple();
    return value.kind === "tuple" ? [...value.items] : [value];
  }

  #path(): string {
    let path = this.takeKind("name");
    while (this.accept(".")) path += `.${this.takeKind("name")}`;
    return path;
  }

  #import(before: string): Statement {
    const names: [string, string][] = [];
    do {
      const path = this.#path();
      if (this.accept("as")) names.push([before + path, this.takeKind("name")]);
      else if (before === "") names.push([path.split(".", 1)[0]!, path.split(".", 1)[0]!]);
      else names.push([before + path, path]);
    } while (this.accept(","));
    return { kind: "import", names };
  }

  #assignment(): Statement {
    const values = [this.tuple()];
    const { kind, text } = this.next;
    if (kind === "operator" && /^[-+*/%@&|^<>]+=$/.test(text)) {
      this.takeKind("operator");
      return { kind: "augment", target: values[0]!, operator: text.slice(0, -1), value: this.tuple() };
    }
    while (this.accept("=")) values.push(this.tuple());
    if (values.length === 1) return { kind: "expression", value: values[0]! };
    if (values.some(({ kind }) => kind === "star")) unsupported("a star in an assignment");
    return { kind: "assign", targets: values.slice(0, -1), value: values.at(-1)! };
  }
}
